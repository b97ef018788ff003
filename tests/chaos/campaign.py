"""Kills under load, at random times and at each named point, and the reckoning afterwards."""

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
from service.jobs.store.claims import MAX_LOSSES
from tests.chaos.clients.load import Load
from tests.chaos.clients.reconcile import Discrepancy, reconcile
from tests.chaos.clients.requests import mixed
from tests.chaos.servers.cluster import Cluster
from tests.chaos.servers.processes import Process, Server, wait_until
from tests.chaos.troubles.points import OF_THE_END, POINTS, STORED, Strike, Trap

_STRAYS_OF_A_STRIKE: Final = 32
"""Images that a server has in hand, each of which it may have stored without a record yet."""
_LONGEST_WAIT_S: Final = 0.3
"""Before a kill at a random time."""


class Victim(enum.StrEnum):
    BOTH = "server and worker"
    """As when a container or a machine ends."""
    SERVER = "server"
    WORKER = "worker"


@dataclass(slots=True)
class Tally:
    """What was done and what came of it."""

    counts: Counter[str] = field(default_factory=Counter)
    discrepancies: list[Discrepancy] = field(default_factory=list)

    def __iadd__(self, other: Tally) -> Tally:
        self.counts += other.counts
        self.discrepancies += other.discrepancies
        return self


class Killer:
    """Kills the site's last server or its worker, and starts the next.

    A job that is lost too often after it had begun, and an image that is in two workers when they die, count as what
    killed them and rightly fail. So nothing is killed while that could come of it: then every job must succeed.
    """

    def __init__(self, site: Cluster, seed: int) -> None:
        self.kills: Counter[str] = Counter()
        self._site = site
        self._chance = random.Random(seed)
        self._shaken: set[str] = set()
        """Jobs that were running when the server's worker was killed."""

    def at_random(self) -> None:
        victim = self._chance.choice(list(Victim))
        server, worker = self._pause()
        wait_until(lambda: bool(self._site.running(server)), "a job that runs")
        time.sleep(self._chance.uniform(0.0, _LONGEST_WAIT_S))
        self.kills[f"kills of {victim}"] += 1
        with worker:
            if victim is not Victim.SERVER:
                worker.send(signal.SIGKILL)
            if victim is not Victim.WORKER:
                self._end(server, worker)
                return
            worker.wait("a killed worker")
            self._shaken = {job.id for job in self._site.running(server)}
            server.wait_until_ready()

    def at(self, point: str) -> None:
        """The server, as soon as it comes by. A server releases jobs when it is told to stop."""
        self.kills["kills at points"] += 1
        server, worker = self._pause()
        server.trap.arm(point)
        is_of_the_end = point in OF_THE_END
        if is_of_the_end:
            wait_until(lambda: bool(self._site.running(server)), "a job that runs")
            server.send(signal.SIGTERM)
        with worker:
            wait_until(lambda: server.gone, f"a server that comes by {point}")
            self._end(server, worker)
        if server.trap.is_armed(point):
            assert is_of_the_end, "nothing else ends a server"
            self.at(point)  # It had no jobs any more when it was told to stop.

    def _pause(self) -> tuple[Server, Process]:
        """A server that is ready, when no job would fail by being lost once more."""
        server = self._site.server
        server.wait_until_ready()
        wait_until(lambda: self._all_can_bear_it(server), "jobs that can bear to be lost")
        return server, server.worker()

    def _all_can_bear_it(self, server: Server) -> bool:
        unfinished = self._site.unfinished()
        losses = {
            job.id: job.losses + (job.status == Status.RUNNING and job.owner_pid != server.pid) for job in unfinished
        }
        return max(losses.values(), default=0) < MAX_LOSSES - 1 and not self._shaken & losses.keys()

    def _end(self, server: Server, worker: Process) -> None:
        """Kill the server, whose worker must end by itself, and start another."""
        server.send(signal.SIGKILL)
        server.wait("a killed server")
        worker.wait("the worker of a server that is gone")
        self._shaken = set()
        self._site.start()


def kill(site: Cluster, seed: int, *, at_random: int = 0, points: Iterable[str] = POINTS) -> Tally:
    """Kills at random times and at each of `points`, in an order by lot, under load; then the reckoning."""
    killer = Killer(site, seed)
    strikes: list[str | None] = [None] * at_random + list(points)
    random.Random(seed).shuffle(strikes)
    site.start()
    with Load(site.url, mixed(seed)) as load:
        for point in strikes:
            if point is None:
                killer.at_random()
            else:
                killer.at(point)
    tally = reckon(site, load, strikes=killer.kills.total())
    tally.counts += killer.kills
    return tally


def lose_answers(site: Cluster, seed: int, *, points: Sequence[str] = POINTS) -> Tally:
    """Let each of `points` fail once under load: what was done at it was done, but is told as an error."""
    server = site.start()
    server.wait_until_ready()
    with Load(site.url, mixed(seed)) as load:
        for point in points:
            server.trap.arm(point, Strike.FAIL)
            _wait_until_sprung(server.trap, point)
    tally = reckon(site, load, strikes=len(points))
    tally.counts["answers lost"] += len(points)
    return tally


def _wait_until_sprung(trap: Trap, point: str) -> None:
    def is_sprung() -> bool:
        if point in OF_THE_END and trap.is_armed(point) and not trap.is_armed(STORED):
            trap.arm(STORED, Strike.FAIL)  # On which a job is released; not one that its client has just canceled.
        return not trap.is_armed(point)

    wait_until(is_sprung, f"a server that comes by {point}")


def reckon(site: Cluster, load: Load, *, strikes: int = 0, as_drawn: bool = True) -> Tally:
    """Let the site come to rest and compare what it holds with what clients were told."""
    site.server.wait_until_ready()
    try:
        site.settle()
    except TimeoutError as error:
        return Tally(discrepancies=[Discrepancy("jobs that nobody ends", str(error))])
    stored, served = site.stored(), site.served(load.receipts)
    strays = strikes * _STRAYS_OF_A_STRIKE
    found = reconcile(load.receipts, stored, served, strays=strays, as_drawn=as_drawn)
    return Tally(_counts(load, Counter(record.status for record in stored.records.values())), found)


def clear_away(site: Cluster) -> list[Discrepancy]:
    """Files of jobs without a record must be gone when they are old and a server has looked."""
    site.age_files()
    server = site.start()
    server.wait_until_ready()
    try:
        wait_until(lambda: not site.orphans(), "the end of files without a record")
    except TimeoutError:
        return [Discrepancy("files that nobody clears away", str(sorted(site.orphans())))]
    return []


def _counts(load: Load, outcomes: Counter[Status]) -> Counter[str]:
    return Counter(
        {
            "jobs accepted": load.accepted,
            "jobs deleted": sum(receipt.deleted for receipt in load.receipts),
            "replays": sum(receipt.replays for receipt in load.receipts),
            "requests unanswered": load.unanswered,
            "answers 429 and 503": load.refusals,
            **{f"jobs {status}": count for status, count in outcomes.items()},
        }
    )
