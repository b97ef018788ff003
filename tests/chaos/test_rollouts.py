"""Servers are replaced under load, and a dead server's jobs go on at once, however long its leases are."""

from __future__ import annotations

import signal

import pytest

from service.jobs.records import Status
from tests.chaos.clients.load import Load
from tests.chaos.clients.requests import uniform
from tests.chaos.conftest import MakeCluster
from tests.chaos.servers.processes import wait_until
from tests.chaos.troubles.rollouts import SLOW_WORKER, roll_out

pytestmark = pytest.mark.timeout(1800)

_LONG_LEASE_S = 3600.0


@pytest.mark.parametrize("ended_by", [signal.SIGTERM, signal.SIGKILL])
def test_ten_restarts_under_load_fail_no_job(make_cluster: MakeCluster, ended_by: signal.Signals) -> None:
    tally = roll_out(make_cluster(worker=SLOW_WORKER, lease_s=_LONG_LEASE_S), restarts=10, ended_by=ended_by)

    assert tally.discrepancies == []
    assert tally.counts["jobs succeeded"] == tally.counts["jobs accepted"] > 0


def test_a_server_makes_the_jobs_of_its_killed_predecessor_long_before_its_leases_end(
    make_cluster: MakeCluster,
) -> None:
    cluster = make_cluster(lease_s=_LONG_LEASE_S, worker=("--call-s", "0.05"))
    first = cluster.start()
    first.wait_until_ready()
    with Load(cluster.url, uniform("restart", num_inference_steps=40), clients=1, limit=3) as load:
        wait_until(lambda: any(job.version > 1 for job in cluster.running(first)), "a job that has begun")
        first.send(signal.SIGKILL)
        first.wait("a killed server")
        cluster.start()
        load.join()
    cluster.wait_until_jobs_end()

    assert {record.status for record in cluster.records().values()} == {Status.SUCCEEDED}
    assert max(record.attempt for record in cluster.records().values()) > 1
