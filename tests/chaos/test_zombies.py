"""A server that was stopped past its lease, and goes on, changes nothing of what another has done meanwhile."""

from __future__ import annotations

import pytest

from tests.chaos.conftest import MakeSite
from tests.chaos.points import WRITTEN
from tests.chaos.zombies import raise_zombie

pytestmark = pytest.mark.timeout(1800)


def test_a_zombie_writes_nothing_and_agrees_with_its_successor(make_site: MakeSite) -> None:
    tally = raise_zombie(make_site(lease_s=2.0), WRITTEN)

    assert tally.discrepancies == []
    assert tally.counts["jobs succeeded"] == tally.counts["jobs accepted"] > 0
