"""Runs real passes through a fresh model before it is served, and measures the costs that are not known yet.

Runs in the worker's process. After the warm-up no caller waits for the work that a device does once per shape, and a
model that cannot generate an image is never served.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final, Generic

from pipelines.errors import ModelLoadError
from pipelines.interface import ConditioningT, ModelInfo, OutputT, Pipeline, StateT, finish_or_raise
from pipelines.params import GenerationParams
from service.engine.costs.cost_model import CostTable, Points, SizeCost
from service.engine.types import Size
from service.engine.worker.fault_isolation import FaultIsolation

_MEASURED: Final = 3
"""Calls of a shape that are measured, after a first one that warms it up."""


class Warmup(Generic[ConditioningT, StateT, OutputT]):
    """The warm-up of one model."""

    def __init__(
        self,
        pipeline: Pipeline[ConditioningT, StateT, OutputT],
        isolation: FaultIsolation,
        *,
        known: CostTable,
        clock: Callable[[], float],
    ) -> None:
        """`known` holds costs from an earlier start, which are not measured again."""
        self._pipeline = pipeline
        self._isolation = isolation
        self._clock = clock
        self._encode_s = known.encode_s
        self._calls_s = {(cost.width, cost.height): dict(cost.calls) for cost in known.sizes}
        self._decodes_s = {(cost.width, cost.height): dict(cost.decodes) for cost in known.sizes}
        self._max_rows: dict[Size, int] = {}
        """Rows that fit in memory, for sizes at which it ran out."""

    def run(self, *, max_rows: int, max_decode: int, budget_s: float, report: Callable[[], object]) -> CostTable:
        """Generates batches of 1, 2, 4 ... `max_rows` rows of each trained size until `budget_s` is used up.

        Calls `report` before each pass. A size whose batch does not fit in memory gets no larger ones. Raises
        `ModelLoadError` where the model cannot generate a single image.
        """
        until_s = self._clock() + budget_s
        for rows, size in ((rows, size) for rows in _doublings(max_rows) for size in self._pipeline.info.sizes):
            if self._clock() >= until_s:
                break
            if size in self._max_rows:
                continue
            report()
            fault = self._isolation.run_once(partial(self._pass, size, rows, max_decode))
            if fault is not None and rows == 1:
                width, height = size
                raise ModelLoadError(f"The model loads but cannot generate a {width}x{height} image: {fault.message}")
            if fault is not None:
                self._max_rows[size] = rows // 2
        return self._table()

    def _pass(self, size: Size, rows: int, max_decode: int) -> None:
        calls_s, decodes_s = self._calls_s.setdefault(size, {}), self._decodes_s.setdefault(size, {})
        (text,) = self._pipeline.encode([""])
        if not self._encode_s:
            self._encode_s = self._median_s(lambda: self._pipeline.encode([""]))
        steps = 1 if rows in calls_s else 1 + _MEASURED
        states = [
            self._pipeline.begin(params, [text] * len(params.texts))
            for params in _batch(self._pipeline.info, size, rows, steps)
        ]
        self._step(states)
        if rows not in calls_s:
            calls_s[rows] = self._median_s(lambda: self._step(states))
        while states[0].next_call is not None:  # Some samplers make more calls than steps.
            self._step(states)
        decoded = states[:max_decode]
        self._pipeline.decode(decoded)
        if len(decoded) not in decodes_s:
            decodes_s[len(decoded)] = self._median_s(lambda: self._pipeline.decode(decoded))

    def _step(self, states: Sequence[StateT]) -> None:
        finish_or_raise(self._pipeline.advance(states, self._pipeline.predict(states)))

    def _median_s(self, call: Callable[[], object]) -> float:
        """Returns the median seconds of a call that was made once before."""
        times_s = [self._clock()]
        for _ in range(_MEASURED):
            call()
            times_s.append(self._clock())
        return statistics.median(end_s - start_s for start_s, end_s in itertools.pairwise(times_s))

    def _table(self) -> CostTable:
        sizes = [
            SizeCost(*size, _points(calls_s), _points(self._decodes_s[size]), self._max_rows.get(size))
            for size, calls_s in self._calls_s.items()
            if calls_s and self._decodes_s[size]
        ]
        return CostTable(tuple(sizes), self._encode_s)


def _points(seconds: Mapping[int, float]) -> Points:
    return tuple(sorted(seconds.items()))


def _doublings(most: int) -> Iterator[int]:
    """Yields 1, 2, 4 ... and at last `most`."""
    rows = 1
    while rows < most:
        yield rows
        rows *= 2
    yield most


def _batch(info: ModelInfo, size: Size, rows: int, steps: int) -> list[GenerationParams]:
    """Returns images that take `rows` rows in all: guided ones, and an unguided one where the number is odd."""
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
