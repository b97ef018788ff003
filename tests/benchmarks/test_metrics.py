"""Percentiles, attainment and goodput on numbers small enough to check by hand."""

from __future__ import annotations

import math

import pytest

from benchmarks.metrics import Percentiles, Probe, allowed_misses, attainment, goodput, next_rate, percentile
from benchmarks.metrics import percentiles as all_percentiles


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1.0), (0.5, 3.0), (0.75, 4.0), (0.9, 4.6), (1.0, 5.0)])
def test_a_percentile_lies_between_the_two_nearest_values(share: float, expected: float) -> None:
    assert percentile([5.0, 1.0, 3.0, 2.0, 4.0], share) == pytest.approx(expected)


def test_a_single_value_is_every_percentile() -> None:
    assert all_percentiles([2.5]) == Percentiles(2.5, 2.5, 2.5)


def test_percentiles_of_a_hundred_and_one_values() -> None:
    assert all_percentiles(float(value) for value in range(101)) == Percentiles(50.0, 95.0, 99.0)


def test_without_values_there_is_no_percentile() -> None:
    assert math.isnan(percentile([], 0.5))


def test_late_and_failed_requests_miss_their_objective() -> None:
    assert attainment([(1.0, 1.0), (1.1, 1.0), (None, 1.0), (0.2, 1.0)]) == 0.5


def test_without_requests_there_is_no_attainment() -> None:
    assert math.isnan(attainment([]))


@pytest.mark.parametrize(("requests", "allowed"), [(1, 0), (99, 0), (100, 1), (199, 1), (200, 2), (700, 7)])
def test_one_percent_of_the_requests_may_be_late(requests: int, allowed: int) -> None:
    assert allowed_misses(requests) == allowed


def test_goodput_is_the_highest_rate_that_met_the_target() -> None:
    assert goodput([Probe(1.0, 1.0), Probe(4.0, 0.7), Probe(2.0, 0.99)]) == 2.0


def test_a_rate_above_a_missed_rate_does_not_count() -> None:
    assert goodput([Probe(1.0, 1.0), Probe(2.0, 0.98), Probe(3.0, 1.0)]) == 1.0


def test_one_missed_probe_of_a_rate_is_enough_to_miss_it() -> None:
    assert goodput([Probe(1.0, 1.0), Probe(2.0, 1.0), Probe(2.0, 0.9)]) == 1.0


def test_goodput_is_zero_where_the_lowest_rate_missed() -> None:
    assert goodput([Probe(1.0, 0.5), Probe(2.0, 1.0)]) == 0.0
    assert goodput([]) == 0.0


def test_the_first_rate_is_the_geometric_mean() -> None:
    assert next_rate([], 1.0, 16.0) == pytest.approx(4.0)


def test_the_next_rate_is_above_one_that_met_the_target_and_below_one_that_did_not() -> None:
    assert next_rate([Probe(4.0, 1.0)], 1.0, 16.0) == pytest.approx(8.0)
    assert next_rate([Probe(4.0, 0.5)], 1.0, 16.0) == pytest.approx(2.0)
    assert next_rate([Probe(4.0, 1.0), Probe(9.0, 0.5)], 1.0, 16.0) == pytest.approx(6.0)


def test_bisection_converges_to_the_goodput() -> None:
    probes: list[Probe] = []
    for _ in range(12):
        rate = next_rate(probes, 0.1, 10.0)
        probes.append(Probe(rate, 1.0 if rate <= 3.0 else 0.9))
    assert goodput(probes) == pytest.approx(3.0, rel=0.01)


def test_an_empty_interval_is_rejected() -> None:
    with pytest.raises(ValueError, match="below high"):
        next_rate([], 2.0, 2.0)
