"""A server that was stopped past its lease and continues changes nothing of what another server did meanwhile."""

from __future__ import annotations

import pytest

from tests.chaos.clients.reconcile import Stored
from tests.chaos.conftest import MakeCluster
from tests.chaos.troubles.failpoints import IMAGE_STORED, IMAGE_WRITTEN
from tests.chaos.troubles.zombies import LEASE_S, SLOW_WORKER, changes, wake_early, wake_late
from tests.service.api.records import make_image, make_record

pytestmark = pytest.mark.timeout(1800)


def test_a_zombie_writes_nothing_and_agrees_with_its_successor(make_cluster: MakeCluster) -> None:
    tally = wake_late(make_cluster(lease_s=LEASE_S), IMAGE_WRITTEN)

    assert tally.discrepancies == []
    assert tally.counts["jobs succeeded"] == tally.counts["jobs accepted"] > 0


def test_a_zombie_writes_nothing_into_the_jobs_that_its_successor_is_making(make_cluster: MakeCluster) -> None:
    tally = wake_early(make_cluster(lease_s=LEASE_S, worker=SLOW_WORKER), IMAGE_STORED)

    assert tally.discrepancies == []
    assert tally.counts["jobs succeeded"] == tally.counts["jobs accepted"] > 0


def test_a_zombie_may_take_back_only_a_file_that_no_record_names() -> None:
    record = make_record(count=3, images=[make_image(0), make_image(1)])
    records, files = {record.id: record}, {"0.png": "a", "1.png": "a", "2.png": "a", "3.png": "a", "x.partial": "half"}
    after = {"0.png": "a", "3.png": "another"}

    found = changes(Stored(records, {}, {record.id: files}), Stored(records, {}, {record.id: after}))

    assert [each.about for each in found] == [f"{record.id}/1.png", f"{record.id}/3.png"]
