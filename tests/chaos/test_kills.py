"""Every accepted job succeeds exactly once, with the images that were requested, although processes are killed."""

from __future__ import annotations

import pytest
from sqlalchemy import URL

from tests.chaos.campaign import kill, lose_answers, verify_orphans_are_deleted
from tests.chaos.conftest import MakeCluster
from tests.chaos.servers.cluster import Cluster
from tests.chaos.troubles.failpoints import FAILPOINTS, IMAGE_RENAMED, OPERATIONS, committed, uncommitted

pytestmark = pytest.mark.timeout(1800)


def test_accepted_jobs_survive_kills_at_every_failpoint_and_at_random_times(cluster: Cluster) -> None:
    tally = kill(cluster, seed=1, at_random=10, points=FAILPOINTS)

    assert tally.discrepancies == []
    assert tally.counts["kills at failpoints"] >= len(FAILPOINTS)
    assert tally.counts["jobs succeeded"] > 0
    assert verify_orphans_are_deleted(cluster) == []


def test_accepted_jobs_survive_kills_with_postgresql(make_cluster: MakeCluster, postgres_url: URL) -> None:
    points = [committed("create"), committed("claim"), IMAGE_RENAMED, uncommitted("finish")]

    tally = kill(make_cluster(database=postgres_url), seed=3, points=points)

    assert tally.discrepancies == []
    assert tally.counts["jobs succeeded"] > 0


def test_an_operation_that_was_done_but_reported_as_failed_is_neither_lost_nor_done_twice(cluster: Cluster) -> None:
    points = [committed(operation) for operation in OPERATIONS]

    tally = lose_answers(cluster, seed=4, points=points)

    assert tally.discrepancies == []
    assert tally.counts["answers lost"] == len(points)
