"""Which kills of a server count against the jobs that it had: those in whose course a job had begun, and no others."""

from __future__ import annotations

import pytest

from service.jobs.records import JobRecord, Status
from service.jobs.store.claims import MAX_LOSSES
from tests.chaos.clients.load import Load
from tests.chaos.clients.requests import Orders, alike
from tests.chaos.conftest import MakeSite
from tests.chaos.servers.cluster import Cluster
from tests.chaos.troubles.points import STORED, committed

pytestmark = pytest.mark.timeout(1800)

_SLOW_WORKER = ("--call-s", "0.05")
_STEPS = 20
"""With such a worker they take four times as long as a heartbeat's pause: one records that the job has begun."""


def end_after_kills(site: Cluster, orders: Orders, point: str, kills: int) -> JobRecord:
    """The first of `orders` when it has ended, after `kills` servers that had claimed it were killed at `point`."""
    server = site.start()
    server.wait_until_ready()
    server.trap.arm(committed("create"))
    with Load(site.url, orders, clients=1, limit=1) as load:
        server.wait("a server that has accepted a job")
        load.abandon()
    while (unfinished := site.unfinished()) and unfinished[0].attempt < kills:
        server = site.start()
        server.trap.arm(point)
        server.wait(f"a server that comes by {point}")  # Which it may do with no job, as a lease is not over.
    site.start()
    site.settle()
    (record,) = site.records().values()
    return record


def test_a_job_that_is_lost_before_it_begins_is_made_in_the_end(site: Cluster) -> None:
    record = end_after_kills(site, alike("unbegun"), committed("claim"), MAX_LOSSES + 1)

    assert (record.status, record.failure) == (Status.SUCCEEDED, None)


def test_a_job_that_kills_every_server_fails(make_site: MakeSite) -> None:
    site = make_site(worker=_SLOW_WORKER)
    record = end_after_kills(site, alike("killer", num_inference_steps=_STEPS), STORED, MAX_LOSSES)

    assert record.status is Status.FAILED
    assert record.failure is not None
    assert record.failure.code == "poisoned"
