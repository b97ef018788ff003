"""Compares servers: decides in which order and under which loads they are measured.

The caller passes in how servers are started and how their images are compared.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from benchmarks.load import scenarios
from benchmarks.load.apis import InvalidResponse
from benchmarks.load.scenarios import Load, Sweep
from benchmarks.load.summary import Summary
from benchmarks.peers.launch import StartFailed
from benchmarks.peers.records import SHORT_LOAD_SHARE, Record, TargetRecord
from benchmarks.peers.reference import FIXED_REQUEST, Reference
from benchmarks.peers.servers import OURS
from benchmarks.workload import DEFAULT_MIX, Mix, Request

MAX_DIFFERING_SHARE = 0.001
"""Share of the reference image's values that may differ by more than one level of 255."""
LOWEST_SHARE = 0.1
"""The lowest rate of the goodput search, as a share of the capacity of diffusers alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The amounts that are measured. Every load is bounded in requests and in seconds."""

    rounds: int = 2
    repeats: int = 2
    """Measurements of each class for its solo time."""
    http_pairs: int = 30
    saturation_requests: int = 36
    short_load_s: float = 60.0
    probe_s: float = 24.0
    probes: int = 2
    """Probes of the goodput search per target and round."""
    max_requests: int = 200
    """Maximum number of requests in one load."""
    seed: int = 1
    mix: Mix = DEFAULT_MIX

    def expected_s(self, reference: Reference, targets: int, start_s: float) -> float:
        """Estimates the duration, if a target starts in `start_s` and is as fast as diffusers alone."""
        saturated_s = self.saturation_requests / reference.capacity
        turns = self.rounds * targets
        return (
            turns * (start_s + saturated_s + self.probes * self.probe_s)
            + (self.rounds - 1) * targets * self.short_load_s
        )


FULL = Plan()
SMOKE = Plan(
    rounds=1,
    repeats=1,
    http_pairs=2,
    saturation_requests=4,
    probe_s=5.0,
    probes=1,
    max_requests=4,
    mix=Mix(steps=(2, 4), guidance_scales=(1.0, 4.0), sizes=((128, 128), (160, 96))),
)


class Target(Protocol):
    """A running server."""

    @property
    def start_s(self) -> float:
        """Seconds from the start until it was ready."""

    async def send(self, request: Request) -> bytes:
        """Returns the image's PNG file. Raises `InvalidResponse`."""


Launcher = Callable[[], AbstractAsyncContextManager[Target]]
"""Starts a new process of the target, and stops it when the context ends."""


class Comparison:
    """Measures all targets in rounds. Only one target runs at a time."""

    def __init__(
        self,
        plan: Plan,
        launchers: Mapping[str, Launcher],
        reference: Reference,
        record: Record,
        *,
        differing_share: Callable[[bytes, bytes], float],
        measure_http: Callable[[Target], Awaitable[list[float]]],
        log: Callable[[str], None],
    ) -> None:
        """`differing_share` compares two PNG files; `measure_http` returns Darkroom's HTTP overheads in seconds."""
        self._plan = plan
        self._launchers = launchers
        self._reference = reference
        self._record = record
        self._differing_share = differing_share
        self._measure_http = measure_http
        self._log = log
        self._sweeps: dict[str, Sweep] = {}

    async def run(self) -> AsyncIterator[None]:
        """Measures the targets one by one. Yields after each, when the record contains its results."""
        for round_ in range(self._plan.rounds):
            for name, launch in self._launchers.items():
                target = self._record.targets[name]
                if not target.failure:
                    await self._measure_target(name, target, launch, round_)
                    yield

    async def _measure_target(self, name: str, record: TargetRecord, launch: Launcher, round_: int) -> None:
        try:
            async with launch() as target:
                record.start_s.append(target.start_s)
                await self._warm_up_and_check(name, record, target, round_)
                await self._saturate(name, record, target, round_)
                await self._run_short_load(name, record, target, round_)
                for number in range(self._plan.probes):
                    await self._probe(name, record, target, self._seed(round_, number))
        except (StartFailed, InvalidResponse) as error:
            record.failure = str(error)
            self._log(f"{name}: {error}")

    async def _warm_up_and_check(self, name: str, record: TargetRecord, target: Target, round_: int) -> None:
        record.warm_up.append(await scenarios.warm_up(target.send, self._plan.mix, self._plan.seed))
        if round_:
            return
        share = self._differing_share(await target.send(FIXED_REQUEST), self._reference.image)
        record.differing_share = share
        self._log(f"{name}: {share:.3%} of the reference image's values differ by more than one level")
        if share > MAX_DIFFERING_SHARE:
            raise InvalidResponse("its image differs from that of diffusers alone")
        if name == OURS:
            self._record.http_overhead_s.extend(await self._measure_http(target))

    async def _saturate(self, name: str, record: TargetRecord, target: Target, round_: int) -> None:
        requests, seed = self._plan.saturation_requests, self._seed(round_, 0)
        summary = await scenarios.saturate(target.send, self._plan.mix, requests, seed)
        record.saturated.append(summary)
        self._log(f"{name}: {summary.images_per_second:.2f} images/s saturated, {summary.failed} failed")

    async def _run_short_load(self, name: str, record: TargetRecord, target: Target, round_: int) -> None:
        """Measures short requests at a fixed rate, from the second round on, when the best peer is known."""
        rate = SHORT_LOAD_SHARE * self._record.best_peer_images_per_second
        if not round_ or math.isnan(rate):
            return
        load = self._load(rate, self._plan.short_load_s, self._seed(round_, 0))
        summary = await scenarios.run(target.send, load, self._reference.solo_s)
        record.at_load.append((rate, summary))
        short = record.p95_s(self._record.short_steps)
        self._log(f"{name}: {_attainment(rate, summary)}, p95 of short requests {short:.2f} s")

    async def _probe(self, name: str, record: TargetRecord, target: Target, seed: int) -> None:
        sweep = self._sweep(name, record)
        if sweep is None:
            return
        summary = await sweep.step(
            target.send, lambda rate: self._load(rate, self._plan.probe_s, seed), self._reference.solo_s
        )
        if summary is not None:
            rate = sweep.probes[-1].rate
            record.probes.append((rate, summary))
            self._log(f"{name}: {_attainment(rate, summary)}")

    def _sweep(self, name: str, record: TargetRecord) -> Sweep | None:
        """Returns the target's goodput search, whose highest rate is its saturated one; None for an empty interval."""
        low, high = LOWEST_SHARE * self._reference.capacity, record.images_per_second
        if not low < high:
            return None
        return self._sweeps.setdefault(name, Sweep(low, high, []))

    def _load(self, rate: float, duration_s: float, seed: int) -> Load:
        return Load(
            rate=rate, duration_s=duration_s, max_requests=self._plan.max_requests, seed=seed, mix=self._plan.mix
        )

    def _seed(self, round_: int, number: int) -> int:
        """Returns the seed of a load: the same for every target, and another for every load of a target."""
        return self._plan.seed + 100 * round_ + number


def _attainment(rate: float, summary: Summary) -> str:
    return f"at {rate:.2f} requests/s {summary.attainment:.1%} met their objective"
