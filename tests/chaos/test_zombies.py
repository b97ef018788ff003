"""A server that was stopped past its lease and continues changes nothing of what another server did meanwhile."""

from __future__ import annotations

import pytest

from tests.chaos.clients.reconcile import Discrepancy, Stored
from tests.chaos.conftest import MakeCluster
from tests.chaos.troubles.failpoints import IMAGE_STORED, IMAGE_WRITTEN
from tests.chaos.troubles.zombies import LEASE_S, SLOW_WORKER, changes, wake_early, wake_late

pytestmark = pytest.mark.timeout(1800)


def test_a_zombie_writes_nothing_and_agrees_with_its_successor(make_cluster: MakeCluster) -> None:
    tally = wake_late(make_cluster(lease_s=LEASE_S), IMAGE_WRITTEN)

    assert tally.discrepancies == []
    assert tally.counts["jobs succeeded"] == tally.counts["jobs accepted"] > 0


def test_a_zombie_writes_nothing_into_the_jobs_that_its_successor_is_making(make_cluster: MakeCluster) -> None:
    tally = wake_early(make_cluster(lease_s=LEASE_S, worker=SLOW_WORKER), IMAGE_STORED)

    assert tally.discrepancies == []
    assert tally.counts["jobs succeeded"] == tally.counts["jobs accepted"] > 0


def test_a_file_that_a_zombie_writes_over_is_found_and_one_that_it_takes_back_is_none() -> None:
    before = Stored({}, {}, {"job_a": {"0.png": "one", "1.png": "one", "2.png.partial": "half"}})
    after = Stored({}, {}, {"job_a": {"0.png": "another"}})

    assert list(changes(before, after)) == [Discrepancy("image written by a zombie", "job_a/0.png")]
