"""Zombies: servers that are stopped until their leases expire, and continue after another server has taken their jobs.

A zombie must write nothing.
"""

from __future__ import annotations

import signal
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

from tests.chaos.campaign import Tally, verify
from tests.chaos.clients.load import Load
from tests.chaos.clients.reconcile import Discrepancy, Served, Stored, recorded_names
from tests.chaos.clients.requests import uniform
from tests.chaos.servers.cluster import Cluster
from tests.chaos.servers.processes import Server, wait_until
from tests.chaos.troubles.failpoints import IMAGE_STORED, IMAGE_WRITTEN, Action, committed

STOP_POINTS: Final = (
    *(IMAGE_WRITTEN, IMAGE_STORED),
    *(committed(name) for name in ("claim", "heartbeat", "add_image", "finish")),
)
"""Failpoints at which a server may stop. None is inside a transaction, which would block the other server."""
LEASE_S: Final = 4.0
"""Lease of the cluster's servers: long enough that a slow server is not taken for a dead one."""
SLOW_WORKER: Final = ("--call-s", "0.02")
"""Options of the worker for `wake_early`."""
_STEPS: Final = 40
"""Steps of the jobs of `wake_early`, so that both servers work on a job at the same time."""
_ANSWER_S: Final = 2.0
"""A stopped server accepts connections and does not answer."""


def wake_late(cluster: Cluster, point: str) -> Tally:
    """Stop a server at `point`, let another one finish its jobs, then continue the first one."""
    zombie = _start(cluster)
    with Load(cluster.url, uniform(point, n=3), answer_s=_ANSWER_S) as load:
        other = _stop_and_replace(cluster, zombie, point)
        load.stop_submitting()
        load.join()
    tally = verify(cluster, load, faults=1, checks_pixels=False)
    before = cluster.stored()
    zombie.send(signal.SIGCONT)
    zombie.wait_until_ready()
    answers = cluster.served(load.observations, zombie), cluster.served(load.observations, other)
    tally.discrepancies += _different_answers(*answers)
    _end(zombie)
    tally.discrepancies += changes(before, cluster.stored())
    tally.discrepancies += verify(cluster, load, faults=1, checks_pixels=False).discrepancies
    tally.counts["zombies"] += 1
    return tally


def wake_early(cluster: Cluster, point: str) -> Tally:
    """Stop a server at `point`, and continue it while another one makes its jobs, so that both work on them.

    The cluster must have been created with `SLOW_WORKER`.
    """
    zombie, make_request = _start(cluster), uniform(point, n=3, num_inference_steps=_STEPS)
    with Load(cluster.url, make_request, answer_s=_ANSWER_S) as load:
        other = _stop_and_replace(cluster, zombie, point)
        wait_until(lambda: bool(cluster.running(other)), "a job that is taken over")
        taken_over = {job.id: job.attempt for job in cluster.running(other)}
        before = _recorded_before(cluster, taken_over)
        zombie.send(signal.SIGCONT)
        load.stop_submitting()
        load.join()
    zombie.wait_until_ready()
    _end(zombie)
    tally = verify(cluster, load, faults=1, checks_pixels=False)
    late = _recorded_before(cluster, taken_over) - before
    tally.discrepancies += [Discrepancy("image recorded by a zombie", image) for image in sorted(late)]
    tally.counts["zombies"] += 1
    return tally


def _start(cluster: Cluster) -> Server:
    server = cluster.start(watermark="made by the first server")
    server.wait_until_ready()
    return server


def _stop_and_replace(cluster: Cluster, zombie: Server, point: str) -> Server:
    """Stop a server at `point` and return its successor.

    The watermarks of the two differ, as the pixels of two devices may, so that each file shows which server made it.
    """
    zombie.failpoints.arm(point, Action.STOP)
    wait_until(lambda: _is_stopped(zombie), f"a server that stops at {point}")
    other = cluster.start(watermark="made by the second server")
    other.wait_until_ready()
    return other


def _is_stopped(server: Server) -> bool:
    state = Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()[0]
    return state == "T"


def _end(zombie: Server) -> None:
    """Stop the server, which first tries to finish the work that it holds."""
    zombie.send(signal.SIGTERM)
    zombie.wait("a server that was told to stop")


def _recorded_before(cluster: Cluster, attempts: dict[str, int]) -> set[str]:
    """Return the recorded images of earlier attempts than the given ones, which are by job id."""
    return {
        f"{record.id}/{image.index}"
        for record in cluster.records().values()
        for image in record.images
        if image.attempt < attempts.get(record.id, 0)
    }


def changes(before: Stored, after: Stored) -> list[Discrepancy]:
    """Return what was written between two states of a cluster that had no work left.

    A zombie may delete a file that no record names: one of its own, which it was about to record.
    """
    return [
        *(
            Discrepancy("record written by a zombie", job_id)
            for job_id in before.records.keys() | after.records.keys()
            if before.records.get(job_id) != after.records.get(job_id)
        ),
        *(
            Discrepancy("image written by a zombie", f"{job_id}/{name}")
            for job_id, files in before.files.items()
            for name in _changed(files, after.files.get(job_id, {}), recorded_names(before.records.get(job_id)))
        ),
    ]


def _changed(before: Mapping[str, str], after: Mapping[str, str], recorded: Collection[str]) -> list[str]:
    """Return the names of finished files that have other contents now, or are recorded and missing."""
    return [
        name
        for name, sha256 in before.items()
        if not name.endswith(".partial") and (name in after or name in recorded) and after.get(name) != sha256
    ]


def _different_answers(one: Served, other: Served) -> list[Discrepancy]:
    jobs = one.jobs.keys() | other.jobs.keys()
    images = one.images.keys() | other.images.keys()
    return [
        *(Discrepancy("answers that differ", job) for job in jobs if one.jobs.get(job) != other.jobs.get(job)),
        *(Discrepancy("images that differ", url) for url in images if one.images.get(url) != other.images.get(url)),
    ]
