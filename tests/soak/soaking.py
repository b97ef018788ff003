"""A soak: two servers under mixed load for long, clients that cancel, delete and hang up, and crashes all the while.

One server is killed again and again, its worker too, and replaced. The other one lives throughout. Its worker is killed
in the first half of the time; in the second half nobody disturbs it and its sizes are measured.
"""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tests.chaos.campaign import Killer, Tally, verify
from tests.chaos.clients.load import Load
from tests.chaos.clients.requests import mixed
from tests.chaos.servers.cluster import Cluster
from tests.chaos.servers.processes import Process, Server, wait_until
from tests.soak.rude_clients import RudeClients
from tests.soak.slopes import Sample, find_growth

_SAMPLE_S: Final = 5.0
_FEWEST_SAMPLES: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Soak:
    seconds: float
    crash_every_s: float = 20.0
    seed: int = 1
    leak_bytes: int = 0
    """Memory that the measured server keeps of each accepted job."""


def soak(cluster: Cluster, plan: Soak) -> tuple[Tally, list[Sample]]:
    """Returns what was done and found, and the samples of the second half."""
    lasting = cluster.start(leak_bytes=plan.leak_bytes)
    lasting.wait_until_ready()
    cluster.start().wait_until_ready()
    chance = random.Random(plan.seed)

    def url() -> str:
        return chance.choice([lasting.url or "", cluster.url()])

    killer = Killer(cluster, plan.seed)
    with Load(url, mixed(plan.seed)) as load, RudeClients(url, plan.seed) as rude:
        begun = time.monotonic()
        crashes = _crash(cluster, lasting, killer, plan, until=begun + plan.seconds / 2)
        samples = list(_watch(lasting, killer, plan, until=begun + plan.seconds))
    tally = verify(cluster, load, faults=killer.kills.total() + crashes)
    tally.discrepancies += find_growth(samples)
    tally.counts += killer.kills + Counter({f"hung up in {name}": count for name, count in rude.hung_up.items()})
    tally.counts["kills of the lasting server's worker"] += crashes
    return tally, samples


def _crash(cluster: Cluster, lasting: Server, killer: Killer, plan: Soak, *, until: float) -> int:
    """Kills in turns the other server and the lasting server's worker. Returns how often the latter."""
    crashes, disturbed = 0, set[str]()
    while time.monotonic() < until:
        killer.kill_at_random()
        # The server would rightly fail an image that was in two workers that died.
        _wait_for_the_end_of(disturbed, cluster)
        with lasting.worker() as worker:
            disturbed = {job.id for job in cluster.running(lasting)}
            worker.send(signal.SIGKILL)
            worker.wait("a killed worker")
        lasting.wait_until_ready()
        crashes += 1
        time.sleep(min(plan.crash_every_s, max(0.0, until - time.monotonic())))
    return crashes


def _wait_for_the_end_of(job_ids: set[str], cluster: Cluster) -> None:
    wait_until(lambda: not job_ids & {job.id for job in cluster.unfinished()}, "the end of disturbed jobs")


def _watch(lasting: Server, killer: Killer, plan: Soak, *, until: float) -> Iterator[Sample]:
    """Yields samples of the lasting server, while the other one is killed on."""
    pause_s = min(_SAMPLE_S, plan.seconds / 2 / _FEWEST_SAMPLES)
    next_crash = time.monotonic() + plan.crash_every_s
    with lasting.worker() as worker:
        while time.monotonic() < until:
            yield _sample(lasting, worker)
            if time.monotonic() > next_crash:
                killer.kill_at_random()
                next_crash = time.monotonic() + plan.crash_every_s
            time.sleep(pause_s)


def _sample(server: Server, worker: Process) -> Sample:
    return Sample(
        at_s=time.monotonic(),
        server_bytes=server.resident_bytes,
        worker_bytes=worker.resident_bytes,
        server_files=server.open_files,
        worker_files=worker.open_files,
    )
