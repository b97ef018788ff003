"""The passes before a worker is ready, and the costs that they measure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import pytest

from pipelines.errors import ModelLoadError
from pipelines.fake import FakePipeline, FakeState
from service.engine.costs.cost_table import CostTable
from service.engine.worker.device import PLAIN_DEVICE
from service.engine.worker.fault_isolation import FaultIsolation
from service.engine.worker.warmup import Warmup
from tests.harness.engine.worker_harness import Clock


class CountingPipeline(FakePipeline):
    """Counts its calls by size and rows, and has memory for `room` rows."""

    def __init__(
        self, *, room: int = 100, sleep: Callable[[float], None] = lambda _: None, call_s: float = 0.0
    ) -> None:
        super().__init__(call_s=call_s, row_s=0.25 * call_s, decode_s=2 * call_s, sleep=sleep)
        self.room = room
        self.calls: Counter[tuple[int, int, int]] = Counter()

    def predict(self, states: Sequence[FakeState]) -> list[bytes]:
        rows = sum(state.next_call.rows for state in states if state.next_call)
        if rows > self.room:
            raise MemoryError
        self.calls[(states[0].params.width, states[0].params.height, rows)] += 1
        return super().predict(states)


def warm(
    pipeline: CountingPipeline, *, known: CostTable | None = None, max_rows: int = 16, clock: Clock | None = None
) -> tuple[CostTable, int]:
    """Runs a warm-up. Returns the measured costs and the number of reports."""
    reports: list[None] = []
    warmup = Warmup(pipeline, FaultIsolation(PLAIN_DEVICE), known=known or CostTable(), clock=clock or Clock())
    table = warmup.run(max_rows=max_rows, max_decode=4, budget_s=20.0, report=lambda: reports.append(None))
    return table, len(reports)


def rows_tried(pipeline: CountingPipeline) -> set[int]:
    return {rows for _, _, rows in pipeline.calls}


def test_each_size_is_warmed_up_with_one_row_and_with_more() -> None:
    pipeline = CountingPipeline()
    _, reports = warm(pipeline)

    assert reports == 15
    assert pipeline.calls.keys() == {(*size, rows) for size in pipeline.info.sizes for rows in (1, 2, 4, 8, 16)}


@pytest.mark.parametrize(("max_rows", "tried"), [(4, {1, 2, 4}), (5, {1, 2, 4, 5})])
def test_batches_grow_up_to_the_cap(max_rows: int, tried: set[int]) -> None:
    pipeline = CountingPipeline()
    warm(pipeline, max_rows=max_rows)

    assert rows_tried(pipeline) == tried


def test_calls_and_decodes_are_measured_by_size() -> None:
    clock = Clock()
    table, _ = warm(CountingPipeline(call_s=0.001, sleep=clock.advance), clock=clock)

    assert [(cost.width, cost.height) for cost in table.sizes] == list(CountingPipeline().info.sizes)
    assert dict(table.sizes[0].calls) == pytest.approx({rows: 0.001 + 0.00025 * rows for rows in (1, 2, 4, 8, 16)})
    assert dict(table.sizes[0].decodes) == pytest.approx({1: 0.002, 2: 0.002, 4: 0.002})


def test_the_first_call_of_a_shape_is_not_measured() -> None:
    clock = Clock()

    class SlowAtFirst(CountingPipeline):
        def predict(self, states: Sequence[FakeState]) -> list[bytes]:
            before = len(self.calls)
            outputs = super().predict(states)
            clock.advance(0.1 if len(self.calls) > before else 0.01)
            return outputs

    table, _ = warm(SlowAtFirst(), clock=clock)

    assert {round(seconds, 6) for cost in table.sizes for _, seconds in cost.calls} == {0.01}


def test_known_costs_are_warmed_up_and_not_measured_again() -> None:
    clock = Clock()
    first, again = (CountingPipeline(call_s=0.001, sleep=clock.advance) for _ in range(2))
    table, _ = warm(first, clock=clock)

    assert warm(again, known=table, clock=clock)[0] == table
    assert set(again.calls.values()) == {1}


def test_costs_that_an_earlier_start_had_no_time_for_are_measured() -> None:
    clock = Clock()
    slow = CountingPipeline(call_s=1.0, sleep=clock.advance)
    part, _ = warm(slow, clock=clock)
    more, _ = warm(slow, known=part, clock=clock)

    assert sum(len(cost.calls) for cost in part.sizes) < sum(len(cost.calls) for cost in more.sizes)


def test_the_warm_up_of_a_slow_model_ends_at_its_time_limit() -> None:
    clock = Clock()

    assert warm(CountingPipeline(call_s=3.0, sleep=clock.advance), clock=clock)[1] == 1


def test_rows_beyond_the_memory_are_not_tried_again_and_are_reported() -> None:
    pipeline = CountingPipeline(room=4)
    table, _ = warm(pipeline)

    assert rows_tried(pipeline) == {1, 2, 4}
    assert {cost.max_rows for cost in table.sizes} == {4}


def test_a_model_that_cannot_generate_an_image_is_not_served() -> None:
    with pytest.raises(ModelLoadError, match="128x128"):
        warm(CountingPipeline(room=0))
