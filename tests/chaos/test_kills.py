"""Whatever is killed, and whenever: each accepted job succeeds, exactly once, with the images that were ordered."""

from __future__ import annotations

import pytest
from sqlalchemy import URL

from tests.chaos.campaign import clear_away, kill, lose_answers
from tests.chaos.conftest import MakeSite
from tests.chaos.servers.cluster import Cluster
from tests.chaos.troubles.points import OPERATIONS, POINTS, RENAMED, committed, uncommitted

pytestmark = pytest.mark.timeout(1800)


def test_accepted_jobs_outlast_kills_at_every_point_and_at_random_times(site: Cluster) -> None:
    tally = kill(site, seed=1, at_random=10, points=POINTS)

    assert tally.discrepancies == []
    assert tally.counts["kills at points"] >= len(POINTS)
    assert tally.counts["jobs succeeded"] > 0
    assert clear_away(site) == []


def test_accepted_jobs_outlast_kills_beside_postgresql(make_site: MakeSite, postgres_url: URL) -> None:
    points = [committed("create"), committed("claim"), RENAMED, uncommitted("finish")]

    tally = kill(make_site(database=postgres_url), seed=3, points=points)

    assert tally.discrepancies == []
    assert tally.counts["jobs succeeded"] > 0


def test_what_was_done_but_told_as_an_error_is_neither_lost_nor_done_twice(site: Cluster) -> None:
    points = [committed(operation) for operation in OPERATIONS]

    tally = lose_answers(site, seed=4, points=points)

    assert tally.discrepancies == []
    assert tally.counts["answers lost"] == len(points)
