"""Seconds by count, from few, noisy and sometimes wrong measurements."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.engine.costs.latency_curve import LatencyCurve

POINTS = st.dictionaries(st.integers(1, 64), st.floats(0.001, 10.0), min_size=1)


def test_a_measured_count_has_its_measured_seconds() -> None:
    curve = LatencyCurve([(1, 1.0), (2, 1.5), (8, 6.0)])

    assert [curve.at(count) for count in (1, 2, 8)] == [1.0, 1.5, 6.0]


def test_the_curve_is_linear_between_measured_counts() -> None:
    assert LatencyCurve([(2, 2.0), (6, 4.0)]).at(3) == 2.5


def test_the_curve_is_proportional_beyond_the_last_count() -> None:
    assert LatencyCurve([(1, 1.0), (4, 2.0)]).at(12) == 6.0


def test_below_the_first_count_the_curve_continues_its_line_but_not_below_proportionality() -> None:
    assert LatencyCurve([(2, 2.0), (4, 3.0)]).at(1) == 1.5
    assert LatencyCurve([(2, 2.0), (4, 8.0)]).at(1) == 1.0


@given(POINTS, st.lists(st.tuples(st.integers(1, 64), st.floats(0.0001, 100.0)), max_size=20))
def test_the_curve_never_falls_whatever_was_measured(points: dict[int, float], later: list[tuple[int, float]]) -> None:
    curve = LatencyCurve(points.items())
    for count, seconds in later:
        curve.learn(count, seconds)
    line = [curve.at(count / 4) for count in range(1, 300)]

    assert line[0] > 0
    assert all(right >= left * (1 - 1e-9) for left, right in itertools.pairwise(line))


def test_repeated_measurements_move_the_mean_to_a_new_speed() -> None:
    curve = LatencyCurve([(4, 1.0)])
    for _ in range(60):
        curve.learn(4, 3.0)

    assert curve.at(4) == pytest.approx(3.0, rel=0.05)


def test_one_stall_moves_the_mean_by_a_tenth_at_most() -> None:
    curve = LatencyCurve([(4, 1.0)])
    curve.learn(4, 1000.0)

    assert curve.at(4) == pytest.approx(1.1)


def test_the_first_measurement_of_a_count_moves_the_estimate_half_way() -> None:
    curve = LatencyCurve([(2, 1.0)])
    curve.learn(4, 3.0)

    assert curve.at(4) == 2.5


@pytest.mark.parametrize(
    ("points", "knee"),
    [
        ([(1, 1.0), (2, 1.0), (4, 1.0), (8, 2.0), (16, 4.0)], 4),
        ([(1, 1.0), (2, 1.9), (4, 3.8)], 2),
        ([(1, 1.0), (2, 1.96), (4, 3.9)], 1),
        ([(1, 1.0), (2, 2.0), (4, 2.0), (8, 2.0)], 8),
        ([(1, 1.0), (2, 1.2), (4, 2.4), (8, 3.0)], 8),
    ],
    ids=["flat-then-linear", "a-little-gain", "no-gain-worth-it", "flat-to-the-end", "past-a-ledge"],
)
def test_the_knee_is_the_last_count_that_makes_rows_cheaper(points: list[tuple[int, float]], knee: int) -> None:
    assert LatencyCurve(points).knee(0.05) == knee
