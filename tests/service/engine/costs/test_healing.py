"""In a closed loop, the estimates and the throughput recover from any single wrong measurement."""

from __future__ import annotations

import random
from typing import Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipelines.interface import CostKey, WorkPlan
from service.engine.costs.cost_model import CostModel
from service.engine.costs.cost_table import CostTable, KeyCost, Point
from service.engine.costs.latency_curve import LatencyCurve, doublings
from tests.service.engine.costs.closed_loop import (
    DECODE,
    DENOISE,
    KEYS,
    MAX_COUNTS,
    TEXT,
    Curves,
    Loop,
    Seconds,
    plan_image,
    table,
)

IMAGES: Final = 100
"""Number of images after which the costs have recovered."""
CPU: Final[Curves] = {
    DENOISE: LatencyCurve([1, 2, 4, 8, 16], [0.021, 0.032, 0.042, 0.066, 0.116]).at,
    DECODE: LatencyCurve([1], [0.032]).at,
    TEXT: LatencyCurve([1, 8], [0.005, 0.02]).at,
}
"""The bundled model on one core of a two-core machine."""
POINTS: Final = [(key, count) for key in KEYS for count in doublings(MAX_COUNTS[key.stage])]
EVERYTHING: Final = dict.fromkeys(POINTS, 8.0)
"""All points measured while the device was eight times as slow as it is now."""
SAME: Final = [plan_image()]
MIXED: Final = [plan_image(steps=steps, guided=steps != 14) for steps in (4, 20, 14, 8, 30, 20, 14, 25)]
"""Images that do not run in step with each other."""

WRONG: Final = st.floats(-1.0, 1.3).map(lambda exponent: 10.0**exponent)
"""Factors of a wrong measurement, from 0.1 to 20."""
FEW: Final = settings(max_examples=8, deadline=None, derandomize=True)


def seconds_of(overhead_s: float, row_s: float, flat: int) -> Seconds:
    """Returns a curve that is flat up to `flat` rows and rises from there."""
    return lambda count: overhead_s + row_s * max(count, flat)


DEVICES: Final = st.fixed_dictionaries(
    {
        key: st.builds(seconds_of, st.floats(0.0, 0.05), st.floats(0.001, 0.05), st.sampled_from([1, 2, 8]))
        for key in KEYS
    }
)


class RightKnees(CostModel):
    """Costs that are right from the start and never tried again."""

    def learn(self, key: CostKey, count: int, seconds: float) -> None:
        pass


def make_model(costs: CostTable) -> CostModel:
    return CostModel(costs, max_counts=MAX_COUNTS)


def assert_right(model: CostModel, curves: Curves, plans: list[WorkPlan], *, slowdown: float = 1.0) -> None:
    """Asserts that times and prices are within 15% of those that follow from the true seconds."""
    right = make_model(table(curves))
    for plan in plans:
        assert model.solo_s(plan) == pytest.approx(slowdown * right.solo_s(plan), rel=0.15)
        assert model.price_s(plan) == pytest.approx(slowdown * right.price_s(plan), rel=0.15)


def assert_fast(model: CostModel, curves: Curves) -> None:
    """Asserts at least 85% of the throughput with the right knees, tries included."""
    loops = [
        Loop(costs, curves, MIXED, in_flight=32, random=random.Random(2))
        for costs in (model, RightKnees(table(curves), max_counts=MAX_COUNTS))
    ]
    images_per_s, right = (loop.run(IMAGES // 2) for loop in loops)
    assert images_per_s >= 0.85 * right


@FEW
@example(CPU, (DENOISE, 2), 3.0, 9.0, 32)
@example(CPU, (DENOISE, 16), 20.0, 9.0, 32)
@example(CPU, (DENOISE, 16), 0.1, 9.0, 32)
@example(CPU, (DECODE, 1), 20.0, 9.0, 32)
@given(DEVICES, st.sampled_from(POINTS), WRONG, st.sampled_from([1.0, 9.0]), st.sampled_from([16, 32]))
def test_a_wrong_point_of_the_warm_up_or_of_the_file_is_forgotten(
    curves: Curves, point: tuple[CostKey, int], factor: float, weight: float, in_flight: int
) -> None:
    model = make_model(table(curves, {point: factor}, weight=weight))
    Loop(model, curves, SAME, in_flight).run(IMAGES)

    assert_right(model, curves, SAME)
    assert_fast(model, curves)


@FEW
@given(DEVICES, st.integers(0, 300), WRONG, st.sampled_from([3, 8, 32]))
def test_a_wrong_measurement_while_serving_is_forgotten(
    curves: Curves, call: int, factor: float, in_flight: int
) -> None:
    model = make_model(table(curves))
    Loop(model, curves, SAME, in_flight, wrong={call: factor}).run(IMAGES)

    assert_right(model, curves, SAME)
    assert_fast(model, curves)


@FEW
@given(DEVICES, WRONG, st.sampled_from([3, 8, 32]))
def test_a_file_that_was_written_at_another_speed_is_corrected(curves: Curves, factor: float, in_flight: int) -> None:
    model = make_model(table(curves, dict.fromkeys(POINTS, factor)))
    Loop(model, curves, SAME, in_flight).run(IMAGES)

    assert_right(model, curves, SAME)
    assert_fast(model, curves)


def test_batching_comes_back_after_four_rows_were_measured_at_600_ms() -> None:
    model = make_model(table(CPU, {(DENOISE, 4): 0.6 / 0.042}))
    Loop(model, CPU, SAME, in_flight=32).run(IMAGES)

    assert_right(model, CPU, SAME)
    assert_fast(model, CPU)


def test_batching_comes_back_after_the_largest_count_was_measured_far_too_slow() -> None:
    model = make_model(table(CPU, {(DENOISE, 4): 20.0, (DENOISE, 8): 20.0, (DENOISE, 16): 20.0}))
    assert model.knee(DENOISE) == 2
    Loop(model, CPU, SAME, in_flight=32).run(IMAGES)

    assert_right(model, CPU, SAME)
    assert_fast(model, CPU)


def test_one_row_that_was_measured_three_times_too_slow_does_not_hold_up_more_rows() -> None:
    model = make_model(table(CPU, {(DENOISE, 1): 3.0}))
    for _ in range(IMAGES):
        for count in (2, 4, 8):
            model.learn(DENOISE, count, CPU[DENOISE](count))

    assert model.seconds(DENOISE, 2) == CPU[DENOISE](2)
    assert model.seconds(DENOISE, 1) <= CPU[DENOISE](2)


def test_the_speed_of_the_device_is_learned_in_a_few_calls_for_counts_that_were_not_met_too() -> None:
    model = make_model(table(CPU, EVERYTHING))
    for key, count in ((TEXT, 1), (DENOISE, 2), (DENOISE, 2), (DECODE, 1)):
        model.learn(key, count, CPU[key](count))

    for key, count in POINTS:
        assert model.seconds(key, count) == pytest.approx(CPU[key](count))
    assert model.knee(DENOISE) == 16


def test_a_device_that_is_slowed_down_for_a_while_is_followed_both_ways() -> None:
    model = make_model(table(CPU))
    loop = Loop(model, CPU, SAME, in_flight=32)
    for slowdown in (1.0, 8.0, 1.0):
        loop.slowdown = slowdown
        loop.run(IMAGES)
        assert_right(model, CPU, SAME, slowdown=slowdown)
        assert model.seconds(DENOISE, 8) == pytest.approx(slowdown * CPU[DENOISE](8), rel=0.15)


def test_a_key_that_became_slower_does_not_make_the_others_slower() -> None:
    def slower(count: int) -> float:
        return 3.0 * CPU[DENOISE](count)

    changed: Curves = {**CPU, DENOISE: slower}
    model = make_model(table(CPU))
    Loop(model, changed, SAME, in_flight=32).run(IMAGES)

    assert model.seconds(DECODE, 1) == pytest.approx(CPU[DECODE](1), rel=0.15)
    assert_right(model, changed, SAME)


def test_a_file_that_was_measured_on_a_busy_machine_does_not_stay() -> None:
    """The seconds are those of a start at a load of 7 on two cores: 9, 39 and 14 times the true ones."""
    points = ((1, 0.197), (2, 1.256), (4, 0.595))
    busy = CostTable(
        (
            KeyCost(DENOISE, tuple(Point(count, seconds) for count, seconds in points)),
            KeyCost(DECODE, (Point(1, 0.292), Point(2, 0.764))),
            KeyCost(TEXT, (Point(1, 0.043),)),
        )
    )
    model = make_model(busy)
    Loop(model, CPU, SAME, in_flight=32).run(IMAGES)

    assert_right(model, CPU, SAME)
    assert_fast(model, CPU)


@pytest.mark.parametrize("cliff", [1.5, 3.0])
def test_tries_of_counts_that_are_bad_cost_little(cliff: float) -> None:
    def denoise_s(count: int) -> float:
        return CPU[DENOISE](count) * (cliff if count > 4 else 1.0)

    curves: Curves = {**CPU, DENOISE: denoise_s}
    model = make_model(table(curves))
    loops = [
        Loop(costs, curves, MIXED, in_flight=32, random=random.Random(2))
        for costs in (model, RightKnees(table(curves), max_counts=MAX_COUNTS))
    ]
    images_per_s, right = (loop.run(2 * IMAGES) for loop in loops)

    assert images_per_s >= 0.95 * right


def test_what_was_learned_is_right_in_the_next_start() -> None:
    model = make_model(table(CPU, {**EVERYTHING, (DENOISE, 16): 100.0}))
    Loop(model, CPU, SAME, in_flight=32).run(IMAGES)

    assert_right(make_model(model.table()), CPU, SAME)
