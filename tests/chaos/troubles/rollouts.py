"""Rollouts: servers are replaced under load, one after the other, and each is told to stop or is killed."""

from __future__ import annotations

import functools
import signal
from typing import Final

from tests.chaos.campaign import Tally, verify
from tests.chaos.clients.load import Load
from tests.chaos.clients.reconcile import Discrepancy
from tests.chaos.clients.requests import uniform
from tests.chaos.servers.cluster import Cluster
from tests.chaos.servers.processes import Server, wait_until

SLOW_WORKER: Final = ("--row-s", "0.01")
"""Options of the worker: each server has jobs that it has begun and others that it has only claimed."""
_STEPS: Final = 8


def roll_out(cluster: Cluster, restarts: int, ended_by: signal.Signals) -> Tally:
    """Start a new server and end its predecessor, `restarts` times, under load. Then verify the cluster."""
    old = cluster.start()
    old.wait_until_ready()
    make_request = uniform(f"rollout {ended_by.name}", num_inference_steps=_STEPS)
    with Load(cluster.url, make_request, clients=4, unfinished=6) as load:
        for _ in range(restarts):
            wait_until(functools.partial(_has_jobs, cluster, old), "a job that runs")
            new = cluster.start()
            new.wait_until_ready()
            old.send(ended_by)
            old.wait("a server that is replaced")
            old = new
        load.stop_submitting()
        load.join()
    tally = verify(cluster, load, faults=restarts)
    tally.discrepancies += _too_many_attempts(cluster, restarts)
    tally.counts["servers replaced"] += restarts
    return tally


def _has_jobs(cluster: Cluster, server: Server) -> bool:
    return bool(cluster.running(server))


def _too_many_attempts(cluster: Cluster, restarts: int) -> list[Discrepancy]:
    """Each server that is replaced costs a job at most two attempts: one to put it back, one to claim it again."""
    return [
        Discrepancy("job with too many attempts", f"{record.id}: {record.attempt}")
        for record in cluster.records().values()
        if record.attempt > 1 + 2 * restarts
    ]
