"""Kills under load, at random times and at each failpoint, and the verification afterwards."""

from __future__ import annotations

import enum
import random
import signal
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from service.jobs.records import Status
from service.jobs.store.queue.losses import MAX_LOSSES
from tests.chaos.clients.load import Load
from tests.chaos.clients.reconcile import Discrepancy, reconcile
from tests.chaos.clients.requests import mixed
from tests.chaos.servers.cluster import Cluster
from tests.chaos.servers.processes import Process, Server, wait_until
from tests.chaos.troubles.failpoints import FAILPOINTS, IMAGE_STORED, SHUTDOWN_FAILPOINTS, Action, Failpoints

_MAX_ORPHANS_PER_FAULT: Final = 16
"""Files that a server may have stored, and not recorded yet, when it is killed or its database goes away."""
_MAX_DELAY_S: Final = 0.3
"""Longest wait before a kill at a random time."""


class Target(enum.StrEnum):
    """The processes that are killed together."""

    BOTH = "server and worker"
    """The end of a container or a machine looks like this."""
    SERVER = "server"
    WORKER = "worker"


@dataclass(slots=True)
class Tally:
    """Counts of what was done, and the discrepancies that were found."""

    counts: Counter[str] = field(default_factory=Counter)
    discrepancies: list[Discrepancy] = field(default_factory=list)

    def __iadd__(self, other: Tally) -> Tally:
        self.counts += other.counts
        self.discrepancies += other.discrepancies
        return self


class Killer:
    """Kills the cluster's newest server or its worker, and starts the next server.

    A job fails, and rightly, when it is lost too often after it began, or when one of its images is in two workers that
    die. The killer therefore waits while a kill could cause that, and every job must succeed.
    """

    def __init__(self, cluster: Cluster, seed: int) -> None:
        self.kills: Counter[str] = Counter()
        self._cluster = cluster
        self._chance = random.Random(seed)
        self._jobs_of_killed_worker: set[str] = set()
        """Jobs that were running when the server's worker was killed."""

    def kill_at_random(self) -> None:
        target = self._chance.choice(list(Target))
        server, worker = self._wait_until_safe()
        wait_until(lambda: bool(self._cluster.running(server)), "a job that runs")
        time.sleep(self._chance.uniform(0.0, _MAX_DELAY_S))
        self.kills[f"kills of {target}"] += 1
        with worker:
            if target is not Target.SERVER:
                worker.send(signal.SIGKILL)
            if target is not Target.WORKER:
                self._replace(server, worker)
                return
            worker.wait("a killed worker")
            self._jobs_of_killed_worker = {job.id for job in self._cluster.running(server)}
            server.wait_until_ready()

    def kill_at(self, point: str) -> None:
        """Kill the server when it reaches a failpoint. Failpoints of `release` are reached by telling it to stop."""
        self.kills["kills at failpoints"] += 1
        server, worker = self._wait_until_safe()
        server.failpoints.arm(point)
        is_at_shutdown = point in SHUTDOWN_FAILPOINTS
        if is_at_shutdown:
            wait_until(lambda: bool(self._cluster.running(server)), "a job that runs")
            server.send(signal.SIGTERM)
        with worker:
            wait_until(lambda: server.has_ended, f"a server that reaches {point}")
            self._replace(server, worker)
        if server.failpoints.is_armed(point):
            assert is_at_shutdown, "a server that was not told to stop ended without reaching its failpoint"
            self.kill_at(point)  # Its last job ended before the server was told to stop.

    def _wait_until_safe(self) -> tuple[Server, Process]:
        """Wait until no job would fail if it were lost once more. Return the server, ready, and its worker."""
        server = self._cluster.server
        server.wait_until_ready()
        wait_until(lambda: self._no_job_is_near_its_limit(server), "jobs that may be lost once more")
        return server, server.worker()

    def _no_job_is_near_its_limit(self, server: Server) -> bool:
        unfinished = self._cluster.unfinished()
        losses = {
            job.id: job.losses + (job.status == Status.RUNNING and job.owner_pid != server.pid) for job in unfinished
        }
        return max(losses.values(), default=0) < MAX_LOSSES - 1 and not self._jobs_of_killed_worker & losses.keys()

    def _replace(self, server: Server, worker: Process) -> None:
        """Kill the server, whose worker must then end by itself, and start another server."""
        server.send(signal.SIGKILL)
        server.wait("a killed server")
        worker.wait("the worker of a killed server")
        self._jobs_of_killed_worker = set()
        self._cluster.start()


def kill(cluster: Cluster, seed: int, *, at_random: int = 0, points: Iterable[str] = FAILPOINTS) -> Tally:
    """Kill servers under load, `at_random` times and at each of `points`, in random order. Then verify the cluster."""
    killer = Killer(cluster, seed)
    kills: list[str | None] = [None] * at_random + list(points)
    random.Random(seed).shuffle(kills)
    cluster.start()
    with Load(cluster.url, mixed(seed)) as load:
        for point in kills:
            if point is None:
                killer.kill_at_random()
            else:
                killer.kill_at(point)
    tally = verify(cluster, load, faults=killer.kills.total())
    tally.counts += killer.kills
    return tally


def lose_answers(cluster: Cluster, seed: int, *, points: Sequence[str] = FAILPOINTS) -> Tally:
    """Make each of `points` fail once under load: the operation is done, but the server gets an error for it."""
    server = cluster.start()
    server.wait_until_ready()
    with Load(cluster.url, mixed(seed)) as load:
        for point in points:
            server.failpoints.arm(point, Action.FAIL)
            _wait_until_reached(server.failpoints, point)
    tally = verify(cluster, load, faults=len(points))
    tally.counts["answers lost"] += len(points)
    return tally


def _wait_until_reached(failpoints: Failpoints, point: str) -> None:
    def is_reached() -> bool:
        if point in SHUTDOWN_FAILPOINTS and failpoints.is_armed(point) and not failpoints.is_armed(IMAGE_STORED):
            # A failing image makes the server release its job, unless the client has just canceled it.
            failpoints.arm(IMAGE_STORED, Action.FAIL)
        return not failpoints.is_armed(point)

    wait_until(is_reached, f"a server that reaches {point}")


def verify(cluster: Cluster, load: Load, *, faults: int = 0, checks_pixels: bool = True) -> Tally:
    """Wait until all jobs have ended, and compare what the cluster holds with what the clients observed.

    `faults` is the number of faults so far, each of which may leave files without a record.
    """
    cluster.server.wait_until_ready()
    try:
        cluster.wait_until_jobs_end()
    except TimeoutError as error:
        return Tally(discrepancies=[Discrepancy("jobs that do not end", str(error))])
    stored, served = cluster.stored(), cluster.served(load.observations)
    max_orphans = faults * _MAX_ORPHANS_PER_FAULT
    found = reconcile(load.observations, stored, served, max_orphans=max_orphans, checks_pixels=checks_pixels)
    return Tally(_counts(load, Counter(record.status for record in stored.records.values())), found)


def verify_orphans_are_deleted(cluster: Cluster) -> list[Discrepancy]:
    """Check that a server deletes the old files of jobs that have no record."""
    cluster.age_files()
    server = cluster.start()
    server.wait_until_ready()
    try:
        wait_until(lambda: not cluster.orphans(), "the deletion of files without a record")
    except TimeoutError:
        return [Discrepancy("files without a record that are not deleted", str(sorted(cluster.orphans())))]
    return []


def _counts(load: Load, outcomes: Counter[Status]) -> Counter[str]:
    return Counter(
        {
            "jobs accepted": load.accepted,
            "jobs deleted": sum(observation.deleted for observation in load.observations),
            "replays": sum(observation.replays for observation in load.observations),
            "requests unanswered": load.unanswered,
            "answers 429 and 503": load.refusals,
            **{f"jobs {status}": count for status, count in outcomes.items()},
        }
    )
