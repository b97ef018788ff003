"""Kills of a server count against its jobs only where a job had begun."""

from __future__ import annotations

import pytest

from service.jobs.records import JobRecord, Status
from service.jobs.store.queue.losses import MAX_LOSSES
from tests.chaos.clients.load import Load
from tests.chaos.clients.requests import RequestFactory, uniform
from tests.chaos.conftest import MakeCluster
from tests.chaos.servers.cluster import Cluster
from tests.chaos.troubles.failpoints import IMAGE_STORED, committed

pytestmark = pytest.mark.timeout(1800)

_SLOW_WORKER = ("--call-s", "0.05")
_STEPS = 20
"""With the slow worker, a job lasts for four heartbeats, one of which records that it has begun."""


def job_after_kills(cluster: Cluster, make_request: RequestFactory, point: str, kills: int) -> JobRecord:
    """Kill `kills` servers at `point` after they have claimed the first job. Return the job when it has ended.

    Each of them begins an attempt, and whoever puts the job back into the queue begins another one.
    """
    server = cluster.start()
    server.wait_until_ready()
    server.failpoints.arm(committed("create"))
    with Load(cluster.url, make_request, clients=1, limit=1) as load:
        server.wait("a server that has accepted a job")
        load.abandon()
    while (unfinished := cluster.unfinished()) and unfinished[0].attempt < 2 * kills - 1:
        server = cluster.start()
        server.failpoints.arm(point)
        server.wait(f"a server that reaches {point}")
    cluster.start()
    cluster.wait_until_jobs_end()
    (record,) = cluster.records().values()
    return record


def test_a_job_that_is_lost_before_it_begins_succeeds_in_the_end(cluster: Cluster) -> None:
    record = job_after_kills(cluster, uniform("unbegun"), committed("claim"), MAX_LOSSES + 1)

    assert (record.status, record.failure) == (Status.SUCCEEDED, None)


def test_a_job_that_kills_every_server_fails(make_cluster: MakeCluster) -> None:
    cluster = make_cluster(worker=_SLOW_WORKER)
    record = job_after_kills(cluster, uniform("killer", num_inference_steps=_STEPS), IMAGE_STORED, MAX_LOSSES)

    assert record.status is Status.FAILED
    assert record.failure is not None
    assert record.failure.code == "poisoned"
