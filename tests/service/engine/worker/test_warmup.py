"""The passes before a worker is ready, and the costs that they measure."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

import msgspec
import pytest

from pipelines.errors import ModelLoadError
from pipelines.fake import INFO, FakeState
from pipelines.interface import CostKey, RgbImage, Stage
from service.engine.costs.cost_table import CostTable, Point
from tests.service.engine.worker.warming import (
    CALL_S,
    DECODE,
    DENOISE,
    MAX_COUNTS,
    ROWS,
    TEXT,
    Clock,
    CountingPipeline,
    SlowAtFirst,
    counts,
    points,
    seconds,
    warm,
)


def test_each_size_is_warmed_up_with_one_row_and_with_more() -> None:
    pipeline = CountingPipeline()
    warm(pipeline)

    assert {
        (CostKey(Stage.DENOISE, *size, model=INFO.name), rows) for size in INFO.sizes for rows in ROWS
    } <= pipeline.calls.keys()


@pytest.mark.parametrize(("max_rows", "tried"), [(4, {1, 2, 4}), (5, {1, 2, 4, 5})])
def test_batches_grow_up_to_the_cap(max_rows: int, tried: set[int]) -> None:
    pipeline = CountingPipeline()
    warm(pipeline, max_counts={**MAX_COUNTS, Stage.DENOISE: max_rows})

    assert counts(pipeline, Stage.DENOISE) == tried
    assert counts(pipeline, Stage.DECODE) == {1, 2, 4}
    assert counts(pipeline, Stage.TEXT) == {1, 2}


def test_all_stages_are_measured_by_count() -> None:
    clock = Clock()
    table = warm(CountingPipeline(call_s=CALL_S, sleep=clock.advance), clock=clock)

    assert seconds(table, DENOISE) == pytest.approx({rows: (1 + 0.25 * rows) * CALL_S for rows in ROWS})
    assert seconds(table, DECODE) == pytest.approx(dict.fromkeys((1, 2, 4), 2 * CALL_S))
    assert seconds(table, TEXT) == {1: 0.0, 2: 0.0}
    assert {cost.key.stage for cost in table.costs} == set(MAX_COUNTS)


def test_more_texts_than_rows_are_measured() -> None:
    pipeline = CountingPipeline()
    table = warm(pipeline, max_counts={Stage.TEXT: 64, Stage.INPUT: 2, Stage.DENOISE: 4, Stage.DECODE: 8})

    assert list(seconds(table, TEXT)) == [1, 2, 4, 8, 16, 32, 64]
    assert counts(pipeline, Stage.DENOISE) == {1, 2, 4}


def test_the_first_call_of_a_shape_is_not_measured() -> None:
    clock = Clock()
    table = warm(SlowAtFirst(sleep=clock.advance), clock=clock)

    assert seconds(table, DENOISE) == pytest.approx(dict.fromkeys(ROWS, 0.01))


def test_known_costs_are_measured_again_in_spare_time() -> None:
    clock = Clock()
    known = warm(CountingPipeline(call_s=CALL_S, sleep=clock.advance), clock=clock)
    again = warm(CountingPipeline(call_s=CALL_S, sleep=clock.advance), known=known, clock=clock)

    assert seconds(again, DENOISE) == pytest.approx(seconds(known, DENOISE))
    assert all(points(again, DENOISE)[rows].weight > points(known, DENOISE)[rows].weight for rows in ROWS)


def test_a_known_cost_that_was_wrong_is_right_when_the_worker_is_ready() -> None:
    clock = Clock()
    right = warm(CountingPipeline(call_s=CALL_S, sleep=clock.advance), clock=clock)
    wrong = CostTable(
        tuple(
            msgspec.structs.replace(
                cost, points=tuple(Point(point.count, 8 * point.seconds, 9.0) for point in cost.points)
            )
            for cost in right.costs
        )
    )
    mended = warm(CountingPipeline(call_s=CALL_S, sleep=clock.advance), known=wrong, clock=clock, budget_s=0.1)

    assert seconds(mended, DENOISE) == pytest.approx(seconds(right, DENOISE))


def test_unknown_shapes_come_first_and_then_those_that_were_measured_least() -> None:
    clock = Clock()
    table = warm(CountingPipeline(call_s=CALL_S, sleep=clock.advance), clock=clock)
    unknown, oldest = (
        (CostKey(Stage.DENOISE, *INFO.sizes[2], model=INFO.name), 8),
        (CostKey(Stage.DENOISE, *INFO.sizes[1], model=INFO.name), 16),
    )
    weights = {unknown: 0.0, oldest: 0.1}
    known = CostTable(
        tuple(
            msgspec.structs.replace(
                cost,
                points=tuple(
                    msgspec.structs.replace(point, weight=weights.get((cost.key, point.count), 1.0))
                    for point in cost.points
                    if (cost.key, point.count) != unknown
                ),
            )
            for cost in table.costs
        )
    )
    pipeline = CountingPipeline(call_s=CALL_S, sleep=clock.advance)
    warm(pipeline, known=known, clock=clock)

    order = [call for call in pipeline.calls if call[0].stage == Stage.DENOISE]
    assert order[:3] == [(DENOISE, 1), unknown, oldest]


def test_the_warm_up_of_a_slow_model_ends_after_one_image_of_one_step(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    pipeline = CountingPipeline(call_s=30.0, sleep=(clock := Clock()).advance)
    table = warm(pipeline, clock=clock)

    assert pipeline.calls[DENOISE, 1] == pipeline.calls[DECODE, 1] == 1
    assert seconds(table, DENOISE) == {1: pytest.approx(37.5)}
    assert seconds(table, DECODE) == {1: pytest.approx(60.0)}
    assert "a UNet call of 1 row at 128x128 takes 37.5 s" in caplog.messages


def test_a_long_first_call_is_not_measured_where_the_device_tries_its_kernels_in_it() -> None:
    clock = Clock()
    pipeline = CountingPipeline(call_s=30.0, sleep=clock.advance)
    warm(pipeline, clock=clock, tries_kernels=True)

    assert pipeline.calls[DENOISE, 1] == pipeline.calls[DECODE, 1] == 2


def test_the_first_pass_measures_each_call_once_when_the_budget_is_used_up() -> None:
    pipeline = CountingPipeline()
    warm(pipeline, budget_s=0.0)

    assert pipeline.calls[DENOISE, 1] == pipeline.calls[DECODE, 1] == 2, "one to warm up and one that is measured"


def test_the_budget_is_looked_at_before_every_call() -> None:
    clock = Clock()
    pipeline = CountingPipeline(call_s=1.0, sleep=clock.advance)
    table = warm(pipeline, clock=clock, budget_s=30.0)

    assert 30.0 <= clock.now_s < 30.0 + 3.0, "the last call may end later"
    assert all(seconds(table, cost.key) for cost in table.costs), "a pass that was cut short counts as far as it went"


def test_no_call_is_made_without_a_report_before_it() -> None:
    clock = Clock()
    reports: list[tuple[float, str]] = []

    def report(activity: str = "", *, expected_s: float = 0.0) -> None:
        reports.append((clock.now_s, activity))

    warm(CountingPipeline(call_s=1.0, sleep=clock.advance), clock=clock, budget_s=100.0, report=report)
    silences_s = [later - earlier for (earlier, *_), (later, *_) in itertools.pairwise(reports)]

    assert max(silences_s) <= 1.0 + 0.25 * max(ROWS)
    assert all("measuring a" in activity for _, activity in reports)


def test_a_slow_call_that_is_mostly_padding_is_known_with_it_and_warned_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()
    pipeline = CountingPipeline(call_s=20.0, sleep=clock.advance)
    pipeline.info = dataclasses.replace(INFO, row_sizes=(16,))
    assert list(seconds(warm(pipeline, clock=clock), DENOISE)) == [1, 16]
    assert "15 of the 16 rows of that call are padding" in caplog.text


def test_rows_beyond_the_memory_are_not_tried_again_and_are_reported() -> None:
    pipeline = CountingPipeline(room=4)
    table = warm(pipeline)

    assert counts(pipeline, Stage.DENOISE) == {1, 2, 4}
    assert {cost.max_count for cost in table.costs if cost.key.stage == Stage.DENOISE} == {4}
    assert {cost.max_count for cost in table.costs if cost.key.stage == Stage.DECODE} == {None}


def test_a_decode_beyond_the_memory_limits_decodes_alone() -> None:
    class LittleRoom(CountingPipeline):
        def decode(self, states: Sequence[FakeState]) -> list[RgbImage]:
            if len(states) > 2:
                raise MemoryError
            return super().decode(states)

    pipeline = LittleRoom()
    table = warm(pipeline)

    assert {cost.max_count for cost in table.costs if cost.key.stage == Stage.DECODE} == {2}
    assert counts(pipeline, Stage.DENOISE) == set(ROWS)


def test_a_sampler_that_makes_more_calls_than_steps_is_finished_before_the_decode() -> None:
    pipeline = CountingPipeline()
    pipeline.info = dataclasses.replace(INFO, default_sampler="heun")
    warm(pipeline)

    assert counts(pipeline, Stage.DECODE) == {1, 2, 4}


def test_a_model_that_cannot_generate_an_image_is_not_served() -> None:
    with pytest.raises(ModelLoadError, match="128x128"):
        warm(CountingPipeline(room=0))
