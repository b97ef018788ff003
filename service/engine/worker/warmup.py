"""Real passes through a fresh model: no caller waits for what a device does once a shape, nor meets a broken model.

What the passes take is measured on the way, where it is not known from an earlier start.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final, Generic

from pipelines.errors import ModelLoadError
from pipelines.interface import ConditioningT, ModelInfo, OutputT, Pipeline, StateT
from pipelines.params import GenerationParams
from service.engine.costs.cost_model import CostTable, Points, SizeCost
from service.engine.types import Size
from service.engine.worker.fault_isolation import Isolation

_MEASURED: Final = 3
"""Calls of a shape that are measured, after the one that warms it."""


class Warmup(Generic[ConditioningT, StateT, OutputT]):
    """One model's warm-up."""

    def __init__(
        self,
        pipeline: Pipeline[ConditioningT, StateT, OutputT],
        isolation: Isolation,
        *,
        known: CostTable,
        clock: Callable[[], float],
    ) -> None:
        """`known` need not be measured again."""
        self._pipeline = pipeline
        self._isolation = isolation
        self._clock = clock
        self._encode_s = known.encode_s
        self._calls_s = {(cost.width, cost.height): dict(cost.calls) for cost in known.sizes}
        self._decodes_s = {(cost.width, cost.height): dict(cost.decodes) for cost in known.sizes}
        self._fitting: dict[Size, int] = {}
        """Rows that there is memory for, where it ran out beyond."""

    def run(self, *, max_rows: int, max_decode: int, budget_s: float, report: Callable[[], object]) -> CostTable:
        """Make images of each trained size, alone and in ever larger company, while `budget_s` lasts.

        `report` is called before each pass. Company that is too large for the memory is not tried again. Raises
        `ModelLoadError` where the model cannot make a single image.
        """
        until_s = self._clock() + budget_s
        for rows, size in ((rows, size) for rows in _doublings(max_rows) for size in self._pipeline.info.sizes):
            if self._clock() >= until_s:
                break
            if size in self._fitting:
                continue
            report()
            fault = self._isolation.run_once(partial(self._pass, size, rows, max_decode))
            if fault is not None and rows == 1:
                width, height = size
                raise ModelLoadError(f"The model loads but makes no image of {width}x{height}: {fault.message}")
            if fault is not None:
                self._fitting[size] = rows // 2
        return self._table()

    def _pass(self, size: Size, rows: int, max_decode: int) -> None:
        calls_s, decodes_s = self._calls_s.setdefault(size, {}), self._decodes_s.setdefault(size, {})
        (text,) = self._pipeline.encode([""])
        if not self._encode_s:
            self._encode_s = self._seconds(lambda: self._pipeline.encode([""]))
        steps = 1 if rows in calls_s else 1 + _MEASURED
        states = [
            self._pipeline.begin(params, [text] * len(params.texts))
            for params in _company(self._pipeline.info, size, rows, steps)
        ]
        self._step(states)
        if rows not in calls_s:
            calls_s[rows] = self._seconds(lambda: self._step(states))
        while states[0].next_call is not None:  # Some samplers make more calls than steps.
            self._step(states)
        batch = states[:max_decode]
        self._pipeline.decode(batch)
        if len(batch) not in decodes_s:
            decodes_s[len(batch)] = self._seconds(lambda: self._pipeline.decode(batch))

    def _step(self, states: Sequence[StateT]) -> None:
        for state, output in zip(states, self._pipeline.predict(states), strict=True):
            self._pipeline.advance(state, output)

    def _seconds(self, call: Callable[[], object]) -> float:
        """What the call takes once it is warm."""
        times_s = [self._clock()]
        for _ in range(_MEASURED):
            call()
            times_s.append(self._clock())
        return statistics.median(end_s - start_s for start_s, end_s in itertools.pairwise(times_s))

    def _table(self) -> CostTable:
        sizes = [
            SizeCost(*size, _points(calls_s), _points(self._decodes_s[size]), self._fitting.get(size))
            for size, calls_s in self._calls_s.items()
            if calls_s and self._decodes_s[size]
        ]
        return CostTable(tuple(sizes), self._encode_s)


def _points(seconds: Mapping[int, float]) -> Points:
    return tuple(sorted(seconds.items()))


def _doublings(most: int) -> Iterator[int]:
    """1, 2, 4 ... and the most."""
    rows = 1
    while rows < most:
        yield rows
        rows *= 2
    yield most


def _company(info: ModelInfo, size: Size, rows: int, steps: int) -> list[GenerationParams]:
    """Images of so many rows in all: guided ones, and an unguided one where the number is odd."""
    return [
        GenerationParams(
            prompt="",
            width=size[0],
            height=size[1],
            steps=steps,
            guidance_scale=guidance_scale,
            seed=0,
            sampler=info.default_sampler,
        )
        for guidance_scale in [2.0] * (rows // 2) + [1.0] * (rows % 2)
    ]
