"""Warms up a fake pipeline that counts its calls, on a clock that only the calls advance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from pipelines.fake import INFO, FakePipeline, FakeState
from pipelines.interface import CostKey, RgbImage, Stage, TextKey
from pipelines.progress import Report, unreported
from service.engine.costs.cost_table import CostTable, Point
from service.engine.worker.device import PLAIN_DEVICE
from service.engine.worker.fault_isolation import FaultIsolation
from service.engine.worker.warmup import Warmup

CALL_S = 0.001
MAX_COUNTS = {Stage.TEXT: 2, Stage.INPUT: 2, Stage.DENOISE: 16, Stage.DECODE: 4}
ROWS = (1, 2, 4, 8, 16)
SIZE = INFO.sizes[0]
DENOISE = CostKey(Stage.DENOISE, *SIZE, model=INFO.name)
DECODE = CostKey(Stage.DECODE, *SIZE, model=INFO.name)
TEXT = CostKey(Stage.TEXT, model=INFO.name)


def denoise_of(size: tuple[int, int]) -> CostKey:
    return CostKey(Stage.DENOISE, *size, model=INFO.name)


class Clock:
    """A clock that only the calls advance."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    def advance(self, seconds: float) -> None:
        self.now_s += seconds


class CountingPipeline(FakePipeline):
    """Counts its calls by cost key and count, and has memory for `room` rows or images."""

    def __init__(
        self, *, room: int = 100, sleep: Callable[[float], None] = lambda _: None, call_s: float = 0.0
    ) -> None:
        super().__init__(call_s=call_s, row_s=0.25 * call_s, decode_s=2 * call_s, sleep=sleep)
        self.room = room
        self.calls: Counter[tuple[CostKey, int]] = Counter()

    def encode(self, texts: Sequence[TextKey]) -> list[bytes]:
        self.calls[TEXT, len(texts)] += 1
        return super().encode(texts)

    def predict(self, states: Sequence[FakeState]) -> list[bytes]:
        rows = sum(state.next_call.rows for state in states if state.next_call)
        if rows > self.room:
            raise MemoryError
        self._count(Stage.DENOISE, states, rows)
        return super().predict(states)

    def decode(self, states: Sequence[FakeState]) -> list[RgbImage]:
        assert all(state.next_call is None for state in states), "only finished latents are decoded"
        self._count(Stage.DECODE, states, len(states))
        return super().decode(states)

    def _count(self, stage: Stage, states: Sequence[FakeState], count: int) -> None:
        params = states[0].params
        self.calls[CostKey(stage, params.width, params.height, model=INFO.name), count] += 1


class SlowAtFirst(CountingPipeline):
    """Takes long for the first UNet call of each shape."""

    def predict(self, states: Sequence[FakeState]) -> list[bytes]:
        before = len(self.calls)
        outputs = super().predict(states)
        self._sleep(0.1 if len(self.calls) > before else 0.01)
        return outputs


def warm(
    pipeline: CountingPipeline,
    *,
    known: CostTable | None = None,
    max_counts: dict[Stage, int] = MAX_COUNTS,
    clock: Clock | None = None,
    budget_s: float = 20.0,
    report: Report = unreported,
    tries_kernels: bool = False,
) -> CostTable:
    return Warmup(
        pipeline,
        FaultIsolation(PLAIN_DEVICE),
        known=known or CostTable(),
        max_counts=max_counts,
        clock=clock or Clock(),
        tries_kernels=tries_kernels,
    ).run(budget_s=budget_s, report=report)


def points(table: CostTable, key: CostKey) -> dict[int, Point]:
    return {point.count: point for cost in table.costs if cost.key == key for point in cost.points}


def seconds(table: CostTable, key: CostKey) -> dict[int, float]:
    return {count: point.seconds for count, point in points(table, key).items()}


def counts(pipeline: CountingPipeline, stage: Stage) -> set[int]:
    return {count for key, count in pipeline.calls if key.stage == stage}
