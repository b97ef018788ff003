"""Runs real passes through a fresh model before it is served, and measures what its calls cost.

Runs in the worker's process. After the warm-up no caller waits for the work that a device does once per shape, and a
model that cannot generate an image is never served.
"""

from __future__ import annotations

import contextlib
import math
import statistics
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from functools import partial
from typing import Final, Generic

from pipelines.errors import ModelLoadError
from pipelines.interface import (
    ConditioningT,
    CostKey,
    ModelInfo,
    OutputT,
    Pipeline,
    Stage,
    StateT,
    TextKey,
    finish_or_raise,
)
from pipelines.params import GenerationParams
from service.engine.costs.cost_model import CostModel
from service.engine.costs.cost_table import CostTable
from service.engine.costs.latency_curve import doublings
from service.engine.types import Size
from service.engine.worker.device import ClockMark, Mark
from service.engine.worker.fault_isolation import Fault, FaultIsolation

_MEASURED: Final = 3
"""Calls of a shape that are measured, after a first one that warms it up."""
_SLOW_S: Final = 5.0
"""A call that takes longer than this is measured once."""
_STEPS: Final = 2
"""Steps of an image: a call that warms up and one that is measured. Further calls take further images."""


class Warmup(Generic[ConditioningT, StateT, OutputT]):
    """The warm-up of one model."""

    def __init__(
        self,
        pipeline: Pipeline[ConditioningT, StateT, OutputT],
        isolation: FaultIsolation,
        *,
        known: CostTable,
        max_counts: Mapping[Stage, int],
        clock: Callable[[], float],
        mark: Callable[[], Mark] | None = None,
    ) -> None:
        """`known` holds costs from an earlier start. `max_counts` bounds the texts, rows and images of a call.

        `mark` is that of a device whose work is not done when it is launched.
        """
        self._pipeline = pipeline
        self._isolation = isolation
        self._max_counts = max_counts
        self._clock = clock
        self._mark: Callable[[], Mark] = mark or (lambda: ClockMark(clock()))
        self._costs = CostModel(known, max_counts=max_counts)
        self._weights = {(cost.key, point.count): point.weight for cost in known.costs for point in cost.points}
        self._failed: dict[CostKey, int] = {}
        """The count with which a call failed."""
        self._call: tuple[CostKey, int] = CostKey(Stage.TEXT, model=pipeline.info.name), 1
        """The call that is under way."""

    def run(self, *, budget_s: float, report: Callable[[], object]) -> CostTable:
        """Measures calls of 1, 2, 4 ... texts, rows and images for each trained size until `budget_s` is used up.

        The first pass generates an image and is always finished. Then come shapes that were never measured, and then
        known ones, those with the least weight first. A key whose call fails gets no larger calls. Calls `report`
        before every call. Raises `ModelLoadError` where the model cannot generate a single image.
        """
        first, *others = self._passes()
        until_s = self._clock() + budget_s
        self._run_pass(*first, math.inf, report)
        for size, count in sorted(others, key=lambda later: self._weight(*later)):
            if self._clock() >= until_s:
                break
            self._run_pass(size, count, until_s, report)
        return self._costs.table()

    def _passes(self) -> list[tuple[Size, int]]:
        """Returns the size and the count of each pass, small counts first."""
        counts = {count for most in self._max_counts.values() for count in doublings(most)}
        return [(size, count) for count in sorted(counts) for size in self._pipeline.info.sizes]

    def _weight(self, size: Size, count: int) -> float:
        """Returns the weight of what is known of the pass: 0 if some of it was never measured."""
        return min((self._weights.get((key, count), 0.0) for key in self._keys(size, count)), default=math.inf)

    def _keys(self, size: Size, count: int) -> list[CostKey]:
        """Returns the cost keys of the calls of a pass. Texts belong to the passes of the first size."""
        model = self._pipeline.info.name
        keys = [CostKey(Stage.DENOISE, *size, model=model), CostKey(Stage.DECODE, *size, model=model)]
        if size == self._pipeline.info.sizes[0]:
            keys.insert(0, CostKey(Stage.TEXT, model=model))
        return [
            key
            for key in keys
            if count in doublings(self._max_counts[key.stage]) and count < self._failed.get(key, math.inf)
        ]

    def _run_pass(self, size: Size, count: int, until_s: float, report: Callable[[], object]) -> None:
        """Makes the calls of a pass, or as many of them as begin before `until_s`."""
        going_on: bool | Fault = True
        with contextlib.closing(self._calls(size, count)) as calls:
            while going_on is True and self._clock() < until_s:
                report()
                going_on = self._isolation.run_once(partial(next, calls, False))
        if isinstance(going_on, Fault):
            self._learn_failure(going_on, size, count)

    def _learn_failure(self, fault: Fault, size: Size, count: int) -> None:
        if count == 1:
            width, height = size
            raise ModelLoadError(f"The model loads but cannot generate a {width}x{height} image: {fault.message}")
        key, _ = self._call
        self._failed[key] = count
        self._costs.learn_out_of_memory(key, count)

    def _calls(self, size: Size, count: int) -> Generator[bool]:
        """Makes the calls of a pass, and yields True after each call that another one follows."""
        stages = {key.stage: key for key in self._keys(size, count)}
        if Stage.TEXT in stages:
            yield from self._measure(
                stages[Stage.TEXT],
                count,
                lambda: self._pipeline.encode([TextKey(self._pipeline.info.name, "")] * count),
            )
        if Stage.DENOISE not in stages:
            return
        batch = _Batch(self._pipeline, _params(self._pipeline.info, size, count, guided=Stage.DECODE not in stages))
        yield from self._measure(stages[Stage.DENOISE], count, batch.step, prepare=batch.begin_again)
        if Stage.DECODE not in stages:
            return
        while not batch.finished:
            batch.step()
            yield True
        yield from self._measure(stages[Stage.DECODE], count, batch.decode)

    def _measure(
        self, key: CostKey, count: int, call: Callable[[], object], prepare: Callable[[], object] = lambda: None
    ) -> Iterator[bool]:
        """Makes the same call several times, each after `prepare`, and yields True after each. Learns the median of all
        but the first, also where the pass is cut short."""
        times_s: list[float] = []
        try:
            while len(times_s) <= _MEASURED and not any(time_s > _SLOW_S for time_s in times_s[1:]):
                self._call = key, count
                prepare()
                times_s.append(self._timed_s(call))
                yield True
        finally:
            if times_s[1:]:
                self._costs.learn(key, count, statistics.median(times_s[1:]))

    def _timed_s(self, call: Callable[[], object]) -> float:
        start = self._mark()
        call()
        return self._mark().seconds_since(start)


class _Batch(Generic[ConditioningT, StateT, OutputT]):
    """Images that take their calls together."""

    def __init__(self, pipeline: Pipeline[ConditioningT, StateT, OutputT], images: Sequence[GenerationParams]) -> None:
        self._pipeline = pipeline
        self._images = images
        self._states: list[StateT] = []

    @property
    def finished(self) -> bool:
        """Whether there are no images under way."""
        return not self._states or self._states[0].next_call is None

    def begin_again(self) -> None:
        """Begins the images if none are under way."""
        if self.finished:
            wanted = list({key: None for params in self._images for key in self._pipeline.texts(params)})
            known = dict(zip(wanted, self._pipeline.encode(wanted), strict=True))
            self._states = [
                self._pipeline.begin(params, [known[key] for key in self._pipeline.texts(params)])
                for params in self._images
            ]

    def step(self) -> None:
        """Makes one UNet call and the sampler updates after it."""
        finish_or_raise(self._pipeline.advance(self._states, self._pipeline.predict(self._states)))

    def decode(self) -> None:
        self._pipeline.decode(self._states)


def _params(info: ModelInfo, size: Size, rows: int, *, guided: bool) -> list[GenerationParams]:
    """Returns images that take `rows` rows in all: unguided ones, or guided ones and an unguided one if it is odd."""
    scales = [2.0] * (rows // 2) + [1.0] * (rows % 2) if guided else [1.0] * rows
    return [
        GenerationParams(
            prompt="",
            width=size[0],
            height=size[1],
            steps=_STEPS,
            guidance_scale=scale,
            seed=0,
            sampler=info.default_sampler,
        )
        for scale in scales
    ]
