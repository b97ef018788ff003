"""A server that was stopped past its lease, and goes on, changes nothing of what another does meanwhile."""

from __future__ import annotations

import pytest

from tests.chaos.conftest import MakeSite
from tests.chaos.troubles.points import STORED, WRITTEN
from tests.chaos.troubles.zombies import LEASE_S, SLOW_WORKER, wake_early, wake_late

pytestmark = pytest.mark.timeout(1800)


def test_a_zombie_writes_nothing_and_agrees_with_its_successor(make_site: MakeSite) -> None:
    tally = wake_late(make_site(lease_s=LEASE_S), WRITTEN)

    assert tally.discrepancies == []
    assert tally.counts["jobs succeeded"] == tally.counts["jobs accepted"] > 0


def test_a_zombie_writes_nothing_into_the_jobs_that_its_successor_is_making(make_site: MakeSite) -> None:
    tally = wake_early(make_site(lease_s=LEASE_S, worker=SLOW_WORKER), STORED)

    assert tally.discrepancies == []
    assert tally.counts["jobs succeeded"] == tally.counts["jobs accepted"] > 0
