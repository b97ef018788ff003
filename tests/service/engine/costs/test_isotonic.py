"""The fit is monotone, and its values are weighted medians."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.engine.costs.isotonic import isotonic_medians, weighted_median

SAMPLES = st.lists(st.tuples(st.floats(0.001, 100.0), st.floats(0.01, 10.0)), min_size=1, max_size=9)


@pytest.mark.parametrize(
    ("samples", "median"),
    [
        ([(3.0, 1.0)], 3.0),
        ([(9.0, 1.0), (1.0, 1.0), (2.0, 1.0)], 2.0),
        ([(1.0, 0.5), (9.0, 1.0)], 9.0),
        ([(1.0, 1.0), (9.0, 1.0)], 1.0),
    ],
    ids=["one", "three", "the-heavier", "the-smaller-of-equals"],
)
def test_the_weighted_median_is_where_half_of_the_weight_is_reached(
    samples: list[tuple[float, float]], median: float
) -> None:
    assert weighted_median(samples) == median


def test_values_that_do_not_fall_stay_as_they_are() -> None:
    assert isotonic_medians([[(1.0, 1.0)], [(2.0, 1.0)], [(2.0, 1.0)]]) == [1.0, 2.0, 2.0]


@pytest.mark.parametrize(
    ("groups", "fitted"),
    [
        ([(60.0, 0.5), (21.0, 9.0), (24.0, 9.0)], [21.0, 21.0, 24.0]),
        ([(21.0, 1.0), (32.0, 1.0), (600.0, 1.0), (66.0, 1.0), (116.0, 1.0)], [21.0, 32.0, 66.0, 66.0, 116.0]),
        ([(21.0, 9.0), (32.0, 9.0), (4.2, 1.0), (66.0, 9.0)], [21.0, 32.0, 32.0, 66.0]),
    ],
    ids=["too-slow-at-first", "too-slow-in-the-middle", "too-fast"],
)
def test_one_wrong_value_moves_only_itself(groups: list[tuple[float, float]], fitted: list[float]) -> None:
    assert isotonic_medians([[group] for group in groups]) == fitted


@given(st.lists(SAMPLES, min_size=1, max_size=8))
def test_the_fit_never_falls_and_holds_measured_values_only(groups: list[list[tuple[float, float]]]) -> None:
    fitted = isotonic_medians(groups)

    assert len(fitted) == len(groups)
    assert all(left <= right for left, right in itertools.pairwise(fitted))
    assert set(fitted) <= {value for group in groups for value, _ in group}


@given(st.lists(st.floats(0.001, 100.0), min_size=1, max_size=7))
def test_no_other_monotone_choice_of_values_lies_nearer(values: list[float]) -> None:
    def deviation(fitted: tuple[float, ...] | list[float]) -> float:
        return sum(abs(value - fit) for value, fit in zip(values, fitted, strict=True))

    monotone = itertools.combinations_with_replacement(sorted(values), len(values))

    assert deviation(isotonic_medians([[(value, 1.0)] for value in values])) <= min(map(deviation, monotone)) + 1e-9
