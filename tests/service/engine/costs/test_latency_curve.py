"""A curve gives seconds between and beyond its fitted points, and has a knee."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.engine.costs.latency_curve import LatencyCurve, doublings, knee

POINTS = st.dictionaries(st.integers(1, 64), st.floats(0.001, 10.0), min_size=1)


def curve(points: dict[int, float]) -> LatencyCurve:
    return LatencyCurve(list(points), list(points.values()))


def test_a_fitted_count_has_its_seconds() -> None:
    assert [curve({1: 1.0, 2: 1.5, 8: 6.0}).at(count) for count in (1, 2, 8)] == [1.0, 1.5, 6.0]


def test_the_curve_is_linear_between_points() -> None:
    assert curve({2: 2.0, 6: 4.0}).at(3) == 2.5


def test_the_curve_is_proportional_beyond_the_last_point() -> None:
    assert curve({1: 1.0, 4: 2.0}).at(12) == 6.0


def test_below_the_first_point_the_curve_continues_its_line_but_not_below_proportionality() -> None:
    assert curve({2: 2.0, 4: 3.0}).at(1) == 1.5
    assert curve({2: 2.0, 4: 8.0}).at(1) == 1.0
    assert curve({4: 2.0}).at(1) == 0.5


@given(POINTS)
def test_the_curve_never_falls(points: dict[int, float]) -> None:
    counts = sorted(points)
    rising = LatencyCurve(counts, list(itertools.accumulate((points[count] for count in counts), max)))
    line = [rising.at(count / 4) for count in range(1, 300)]

    assert line[0] > 0
    assert all(right >= left * (1 - 1e-9) for left, right in itertools.pairwise(line))


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ({1: 1.0, 2: 1.0, 4: 1.0, 8: 2.0, 16: 4.0}, 4),
        ({1: 1.0, 2: 1.9, 4: 3.8}, 2),
        ({1: 1.0, 2: 1.96, 4: 3.9}, 1),
        ({1: 1.0, 2: 1.2, 4: 2.4, 8: 3.0}, 8),
        ({1: 0.0, 4: 0.0}, 4),
    ],
    ids=["flat-then-linear", "a-little-gain", "no-gain-worth-it", "past-a-ledge", "free"],
)
def test_the_knee_is_the_last_count_that_makes_rows_cheaper(points: dict[int, float], expected: int) -> None:
    assert knee(curve(points).at, points, margin=0.05) == expected


@pytest.mark.parametrize(("most", "counts"), [(1, [1]), (4, [1, 2, 4]), (6, [1, 2, 4, 6])])
def test_doublings_end_at_the_most(most: int, counts: list[int]) -> None:
    assert list(doublings(most)) == counts
