"""The passes before a worker is ready, and what is measured on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import pytest

from pipelines.errors import ModelLoadError
from pipelines.fake import FakePipeline, FakeState
from service.engine.costs.cost_model import CostTable
from service.engine.worker.device import PLAIN_DEVICE
from service.engine.worker.fault_isolation import Isolation
from service.engine.worker.warmup import Warmup
from tests.harness.worker_harness import Clock


class NotingPipeline(FakePipeline):
    """Notes size and rows of each call, and has room for so many rows."""

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
    pipeline: NotingPipeline, *, known: CostTable | None = None, max_rows: int = 16, clock: Clock | None = None
) -> tuple[CostTable, int]:
    """What it measured, and how often it reported."""
    reports: list[None] = []
    warming = Warmup(pipeline, Isolation(PLAIN_DEVICE), known=known or CostTable(), clock=clock or Clock())
    table = warming.run(max_rows=max_rows, max_decode=4, budget_s=20.0, report=lambda: reports.append(None))
    return table, len(reports)


def rows_met(pipeline: NotingPipeline) -> set[int]:
    return {rows for _, _, rows in pipeline.calls}


def test_each_size_is_drawn_alone_and_in_company() -> None:
    pipeline = NotingPipeline()
    _, reports = warm(pipeline)

    assert reports == 15
    assert pipeline.calls.keys() == {(*size, rows) for size in pipeline.info.sizes for rows in (1, 2, 4, 8, 16)}


@pytest.mark.parametrize(("max_rows", "met"), [(4, {1, 2, 4}), (5, {1, 2, 4, 5})])
def test_company_grows_up_to_the_cap(max_rows: int, met: set[int]) -> None:
    pipeline = NotingPipeline()
    warm(pipeline, max_rows=max_rows)

    assert rows_met(pipeline) == met


def test_calls_and_decodes_are_measured_by_size() -> None:
    clock = Clock()
    table, _ = warm(NotingPipeline(call_s=0.001, sleep=clock.advance), clock=clock)

    assert [(cost.width, cost.height) for cost in table.sizes] == list(NotingPipeline().info.sizes)
    assert dict(table.sizes[0].calls) == pytest.approx({rows: 0.001 + 0.00025 * rows for rows in (1, 2, 4, 8, 16)})
    assert dict(table.sizes[0].decodes) == pytest.approx({1: 0.002, 2: 0.002, 4: 0.002})


def test_the_first_call_of_a_shape_is_no_measurement() -> None:
    clock = Clock()

    class SlowAtFirst(NotingPipeline):
        def predict(self, states: Sequence[FakeState]) -> list[bytes]:
            before = len(self.calls)
            outputs = super().predict(states)
            clock.advance(0.1 if len(self.calls) > before else 0.01)
            return outputs

    table, _ = warm(SlowAtFirst(), clock=clock)

    assert {round(seconds, 6) for cost in table.sizes for _, seconds in cost.calls} == {0.01}


def test_what_is_known_is_warmed_and_not_measured_again() -> None:
    clock = Clock()
    first, again = (NotingPipeline(call_s=0.001, sleep=clock.advance) for _ in range(2))
    table, _ = warm(first, clock=clock)

    assert warm(again, known=table, clock=clock)[0] == table
    assert set(again.calls.values()) == {1}


def test_what_an_earlier_start_had_no_time_for_is_measured_now() -> None:
    clock = Clock()
    slow = NotingPipeline(call_s=1.0, sleep=clock.advance)
    part, _ = warm(slow, clock=clock)
    more, _ = warm(slow, known=part, clock=clock)

    assert sum(len(cost.calls) for cost in part.sizes) < sum(len(cost.calls) for cost in more.sizes)


def test_a_slow_model_is_not_warmed_to_the_last() -> None:
    clock = Clock()

    assert warm(NotingPipeline(call_s=3.0, sleep=clock.advance), clock=clock)[1] == 1


def test_company_beyond_the_memory_is_given_up_and_noted() -> None:
    pipeline = NotingPipeline(room=4)
    table, _ = warm(pipeline)

    assert rows_met(pipeline) == {1, 2, 4}
    assert {cost.max_rows for cost in table.sizes} == {4}


def test_a_model_that_makes_no_image_is_not_served() -> None:
    with pytest.raises(ModelLoadError, match="128x128"):
        warm(NotingPipeline(room=0))
