"""The order of a comparison: who is measured when, with which loads. Starts servers through what it is given."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from benchmarks.load import measuring
from benchmarks.load.apis import WrongAnswer
from benchmarks.load.measuring import Load, Sweep
from benchmarks.peers.launch import StartFailed
from benchmarks.peers.records import SHORT_LOAD_SHARE, Record, TargetRecord
from benchmarks.peers.reference import FIXED_JOB, Reference
from benchmarks.peers.servers import OURS
from benchmarks.workload import DEFAULT_MIX, Job, Mix

MAX_DIFFERING_SHARE = 0.001
"""Of the fixed image's values, by more than one level of 255: beyond it a server makes something else."""
LOWEST_SHARE = 0.1
"""The sweep's lowest rate, as a share of what diffusers alone does one after another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is measured. Every load is bounded by its jobs and its seconds of arrivals."""

    rounds: int = 2
    repeats: int = 2
    """Of every class, for its solo time."""
    http_pairs: int = 30
    saturation_jobs: int = 36
    short_load_s: float = 60.0
    probe_s: float = 24.0
    probes: int = 2
    """For each target in each round."""
    max_jobs: int = 200
    """In a load of any kind."""
    seed: int = 1
    mix: Mix = DEFAULT_MIX

    def expected_s(self, reference: Reference, targets: int, start_s: float) -> float:
        """About how long all takes where a target starts in `start_s` and makes as many images as diffusers alone."""
        saturated_s = self.saturation_jobs / reference.capacity
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
    saturation_jobs=4,
    probe_s=5.0,
    probes=1,
    max_jobs=4,
    mix=Mix(steps=(2, 4), guidance_scales=(1.0, 4.0), sizes=((128, 128), (160, 96))),
)


class Target(Protocol):
    """A running server."""

    @property
    def start_s(self) -> float: ...

    async def send(self, job: Job) -> bytes:
        """The image's PNG file; raises `WrongAnswer`."""


Start = Callable[[], AbstractAsyncContextManager[Target]]
"""Starts a target anew, and ends it."""


class Campaign:
    """Measures all targets in rounds: each is started, measured and ended before the next one is started."""

    def __init__(
        self,
        plan: Plan,
        starts: Mapping[str, Start],
        reference: Reference,
        record: Record,
        *,
        differing_share: Callable[[bytes, bytes], float],
        measure_http: Callable[[Target], Awaitable[list[float]]],
        say: Callable[[str], None],
    ) -> None:
        """`differing_share` compares two PNG files; `measure_http` gives what HTTP adds to a job of ours alone."""
        self._plan = plan
        self._starts = starts
        self._reference = reference
        self._record = record
        self._differing_share = differing_share
        self._measure_http = measure_http
        self._say = say
        self._sweeps: dict[str, Sweep] = {}

    async def rounds(self) -> AsyncIterator[tuple[int, str]]:
        """Take the turns one by one; after each, its round and target, when the record holds what it measured."""
        for round_ in range(self._plan.rounds):
            for name, start in self._starts.items():
                target = self._record.targets[name]
                if not target.failure:
                    await self._turn(name, target, start, round_)
                    yield round_, name

    async def _turn(self, name: str, record: TargetRecord, start: Start, round_: int) -> None:
        try:
            async with start() as target:
                record.start_s.append(target.start_s)
                await self._first_looks(name, record, target, round_)
                await self._saturate(name, record, target, round_)
                await self._at_load(name, record, target, round_)
                for number in range(self._plan.probes):
                    await self._probe(name, record, target, self._seed(round_, number))
        except (StartFailed, WrongAnswer) as error:
            record.failure = str(error)
            self._say(f"{name}: {error}")

    async def _first_looks(self, name: str, record: TargetRecord, target: Target, round_: int) -> None:
        record.warm_up.append(await measuring.warm_up(target.send, self._plan.mix, self._plan.seed))
        if round_:
            return
        share = self._differing_share(await target.send(FIXED_JOB), self._reference.image)
        record.differing_share = share
        self._say(f"{name}: {share:.3%} of the fixed image's values differ by more than a level")
        if share > MAX_DIFFERING_SHARE:
            raise WrongAnswer("its image is not that of diffusers alone")
        if name == OURS:
            self._record.http_added_s.extend(await self._measure_http(target))

    async def _saturate(self, name: str, record: TargetRecord, target: Target, round_: int) -> None:
        jobs, seed = self._plan.saturation_jobs, self._seed(round_, 0)
        summary = await measuring.saturate(target.send, self._plan.mix, jobs, seed)
        record.saturated.append(summary)
        self._say(f"{name}: {summary.images_per_second:.2f} images/s saturated, {summary.failed} failed")

    async def _at_load(self, name: str, record: TargetRecord, target: Target, round_: int) -> None:
        """From the second round on, when the best peer's saturation is known."""
        rate = SHORT_LOAD_SHARE * self._record.best_peer_images_per_second
        if not round_ or math.isnan(rate):
            return
        load = self._load(rate, self._plan.short_load_s, self._seed(round_, 0))
        summary = await measuring.run(target.send, load, self._reference.solo_s)
        record.at_load.append((rate, summary))
        short = record.p95_s(self._record.short_steps)
        self._say(f"{name}: at {rate:.2f} jobs/s {summary.attainment:.1%} in time, p95 of short jobs {short:.2f} s")

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
            self._say(f"{name}: at {rate:.2f} jobs/s {summary.attainment:.1%} in time")

    def _sweep(self, name: str, record: TargetRecord) -> Sweep | None:
        """The target's search, from the lowest rate to what it did saturated; None where those leave nothing."""
        low, high = LOWEST_SHARE * self._reference.capacity, record.images_per_second
        if not low < high:
            return None
        return self._sweeps.setdefault(name, Sweep(low, high, []))

    def _load(self, rate: float, duration_s: float, seed: int) -> Load:
        return Load(rate=rate, duration_s=duration_s, max_jobs=self._plan.max_jobs, seed=seed, mix=self._plan.mix)

    def _seed(self, round_: int, number: int) -> int:
        """The same for every target, another for each load of a target's."""
        return self._plan.seed + 100 * round_ + number
