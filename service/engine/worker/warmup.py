"""Runs real passes through a fresh model before it is served, and measures the costs of its calls.

Runs in the worker's process. After the warm-up no caller waits for the work that a device does once per shape, and a
model that cannot generate an image is never served. On a slow device it ends after one image of one step.
"""

from __future__ import annotations

import contextlib
import logging
import math
import statistics
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from functools import partial
from typing import Final, Generic

from pipelines.errors import ModelLoadError
from pipelines.interface import ConditioningT, CostKey, OutputT, Pipeline, Stage, StateT, TextKey
from pipelines.progress import Report
from service.engine.costs.cost_model import CostModel
from service.engine.costs.cost_table import CostTable
from service.engine.costs.latency_curve import doublings
from service.engine.types import Size
from service.engine.worker.device import ClockMark, Mark
from service.engine.worker.fault_isolation import Fault, FaultIsolation
from service.engine.worker.stages.warmup_images import WarmupBatch, blank, make_params

_MEASURED: Final = 3
"""Number of measured calls of a shape, after a first one that warms it up."""
_SLOW_S: Final = 5.0
"""Seconds. A call that takes longer is measured only once."""
_NAMES: Final = {
    Stage.TEXT: "a text encoder's call",
    Stage.INPUT: "an encode",
    Stage.DENOISE: "a UNet call",
    Stage.DECODE: "a decode",
}
_UNITS: Final = {Stage.TEXT: "text", Stage.INPUT: "image", Stage.DENOISE: "row", Stage.DECODE: "image"}
_SHOWN_S: Final = 1.0
"""Seconds. A call that takes longer is worth a log line."""

_log = logging.getLogger(__name__)


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
        tries_kernels: bool = False,
    ) -> None:
        """`known` holds costs from an earlier start. `max_counts` bounds the texts, rows and images of a call.

        `mark` marks a point in the work of a device that works beside the host. If the device `tries_kernels`, the
        first call of a shape tells nothing about later ones, however long it takes.
        """
        self._pipeline = pipeline
        self._first_calls_count = not tries_kernels
        self._isolation = isolation
        self._max_counts = max_counts
        self._clock = clock
        self._mark: Callable[[], Mark] = mark or (lambda: ClockMark(clock()))
        self._costs = CostModel(known, max_counts=max_counts)
        self._weights = {(cost.key, point.count): point.weight for cost in known.costs for point in cost.points}
        self._failed: dict[CostKey, int] = {}
        """The count with which a call of each key failed."""
        self._call: tuple[CostKey, int] = CostKey(Stage.TEXT, model=pipeline.info.name), 1
        """The call that comes next or is under way."""
        self._until_s = math.inf
        """When the budget is used up, in seconds of the clock."""

    def run(self, *, budget_s: float, report: Report) -> CostTable:
        """Measures calls of 1, 2, 4 ... texts, rows and images for each trained size until `budget_s` is used up.

        The first pass generates an image and is always finished, after the budget with a single measurement of each
        call. Then come shapes that were never measured, and then known ones, those with the least weight first. A key
        whose call fails gets no larger calls. Calls `report` before every call. Raises `ModelLoadError` where the model
        cannot generate a single image.

        If an earlier start has made that image, and making it again would take longer than the budget, no call is made:
        a slow model should not be away for minutes whenever its server or its worker starts again.
        """
        first, *others = self._passes()
        known_s = self._known_s(*first)
        if known_s is not None and known_s > budget_s:
            _log.info("the costs of an earlier start are kept: to measure them again takes %.0f s or more", known_s)
            return self._costs.table()
        self._until_s = self._clock() + budget_s
        self._run_pass(*first, report, whole=True)
        for size, count in sorted(others, key=lambda later: self._weight(*later)):
            if self._is_over:
                break
            self._run_pass(size, count, report)
        return self._costs.table()

    @property
    def _is_over(self) -> bool:
        """Whether the budget is used up."""
        return self._clock() >= self._until_s

    def _passes(self) -> list[tuple[Size, int]]:
        """Returns the size and the count of each pass, small counts first."""
        counts = {count for most in self._max_counts.values() for count in doublings(most)}
        return [(size, count) for count in sorted(counts) for size in self._pipeline.info.sizes]

    def _weight(self, size: Size, count: int) -> float:
        """Returns the weight of the pass's measurements: 0 if a call of it was never measured."""
        return min((self._weights.get((key, count), 0.0) for key in self._keys(size, count)), default=math.inf)

    def _known_s(self, size: Size, count: int) -> float | None:
        """Returns the seconds from the texts to the pixels of a pass; None where a call was never measured."""
        keys = [key for key in self._keys(size, count) if key.stage is not Stage.INPUT]
        if any((key, count) not in self._weights for key in keys):
            return None
        return sum(self._costs.seconds(key, count) for key in keys)

    def _keys(self, size: Size, count: int) -> list[CostKey]:
        """Returns the cost keys of the calls of a pass. Texts belong to the passes of the first size."""
        model = self._pipeline.info.name
        keys = [CostKey(Stage.DENOISE, *size, model=model), CostKey(Stage.DECODE, *size, model=model)]
        if size == self._pipeline.info.sizes[0]:
            keys.insert(0, CostKey(Stage.TEXT, model=model))
        if self._pipeline.info.input_kinds:
            keys.append(CostKey(Stage.INPUT, *size, model=model))
        return [
            key
            for key in keys
            if count in doublings(self._max_counts[key.stage]) and count < self._failed.get(key, math.inf)
        ]

    def _run_pass(self, size: Size, count: int, report: Report, *, whole: bool = False) -> None:
        """Makes the calls of a pass; unless it is to be `whole`, as many of them as begin within the budget."""
        with contextlib.closing(self._calls(size, count)) as calls:
            going_on: bool | Fault = next(calls, False)
            while going_on is True and (whole or not self._is_over):
                report(self._activity(), expected_s=self._expected_s())
                going_on = self._isolation.run_once(partial(next, calls, False))
        if isinstance(going_on, Fault):
            self._learn_failure(going_on, size, count)

    def _activity(self) -> str:
        return f"measuring {_named(*self._call)}"

    def _expected_s(self) -> float:
        """Returns the seconds of the call that comes next, or 0 where its kind was never measured."""
        key, count = self._call
        return self._costs.seconds(key, count) if self._costs.is_measured(key) else 0.0

    def _learn_failure(self, fault: Fault, size: Size, count: int) -> None:
        key, _ = self._call
        if count == 1 and key.stage is not Stage.INPUT:
            width, height = size
            raise ModelLoadError(f"The model loads but cannot generate a {width}x{height} image: {fault.message}")
        self._failed[key] = count
        self._costs.learn_out_of_memory(key, count)

    def _calls(self, size: Size, count: int) -> Generator[bool]:
        """Makes the calls of a pass, and yields True before each."""
        stages = {key.stage: key for key in self._keys(size, count)}
        if Stage.TEXT in stages:
            yield from self._measure(
                stages[Stage.TEXT],
                count,
                lambda: self._pipeline.encode([TextKey(self._pipeline.info.name, "")] * count),
            )
        if Stage.DENOISE in stages:
            yield from self._image_calls(stages, size, count)
        if Stage.INPUT in stages and not self._is_over:
            params = [make_params(self._pipeline.info, size, 1, guided=False)[0]] * count
            yield from self._measure(
                stages[Stage.INPUT],
                count,
                lambda: self._pipeline.encode_inputs(params, [[blank(size, 3)]] * count),
            )

    def _image_calls(self, stages: Mapping[Stage, CostKey], size: Size, count: int) -> Generator[bool]:
        """Makes the UNet calls of a pass, and its decodes."""
        batch = WarmupBatch(
            self._pipeline, make_params(self._pipeline.info, size, count, guided=Stage.DECODE not in stages)
        )
        yield from self._measure(stages[Stage.DENOISE], count, batch.step, prepare=batch.begin_again)
        if Stage.DECODE not in stages:
            return
        while not batch.finished:
            yield True
            batch.step()
        yield from self._measure(stages[Stage.DECODE], count, batch.decode)

    def _measure(
        self, key: CostKey, count: int, call: Callable[[], object], prepare: Callable[[], object] = lambda: None
    ) -> Iterator[bool]:
        """Makes the same call several times, each after `prepare`, and yields True before each. Learns the median of
        those that count, even if the pass is cut short."""
        times_s: list[float] = []
        try:
            while not self._is_measured(times_s):
                self._call = key, count
                yield True
                prepare()
                times_s.append(self._timed_s(call))
        finally:
            self._learn(key, count, self._counting(times_s))

    def _counting(self, times_s: Sequence[float]) -> Sequence[float]:
        """Returns the times that show the cost of a call: all but the first, or a long first one alone."""
        is_slow = self._first_calls_count and any(time_s > _SLOW_S for time_s in times_s[:1])
        return times_s[1:] or (times_s[:1] if is_slow else ())

    def _is_measured(self, times_s: Sequence[float]) -> bool:
        counting = self._counting(times_s)
        is_enough = len(times_s) > _MEASURED or any(time_s > _SLOW_S for time_s in counting)
        return is_enough or (bool(counting) and self._is_over)

    def _learn(self, key: CostKey, count: int, times_s: Sequence[float]) -> None:
        """Learns the median, for a padded call also with its padding, as it is counted when served."""
        if not times_s:
            return
        seconds = statistics.median(times_s)
        padded_rows = self._pipeline.info.padded_rows(count) if key.stage is Stage.DENOISE else 0
        for each in sorted({count, count + padded_rows}):
            self._costs.learn(key, each, seconds)
        if seconds > _SHOWN_S:
            _log.info("%s takes %.1f s", _named(key, count), seconds)
        if seconds > _SLOW_S and padded_rows >= count:
            _log.warning(
                "%d of the %d rows of that call are padding; a smaller max_rows makes single images faster",
                padded_rows,
                count + padded_rows,
            )

    def _timed_s(self, call: Callable[[], object]) -> float:
        start = self._mark()
        call()
        return self._mark().seconds_since(start)


def _named(key: CostKey, count: int) -> str:
    """Names a call for people, such as "a UNet call of 2 rows at 512x512"."""
    size = f" at {key.width}x{key.height}" if key.pixels else ""
    return f"{_NAMES[key.stage]} of {count} {_UNITS[key.stage]}{'s' * (count != 1)}{size}"
