"""The measurements of one count give its seconds, and tell whether the device is slow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.engine.costs.count_samples import CountSamples
from service.engine.costs.isotonic import weighted_median


def estimate(samples: CountSamples, *, factor: float = 1.0, call: int = 100) -> float:
    return weighted_median(samples.weighted(factor, call))


def test_one_measurement_of_this_start_outweighs_any_of_an_earlier_one() -> None:
    samples = CountSamples()
    samples.know(9.0, weight=1000.0)
    assert estimate(samples) == 9.0

    samples.learn(1.0, call=100)
    assert estimate(samples) == 1.0


@given(st.integers(0, 4), st.floats(0.1, 20.0))
def test_one_wrong_measurement_among_five_does_not_matter(position: int, wrong: float) -> None:
    samples = CountSamples()
    for call in range(5):
        samples.learn(wrong if call == position else 1.0, call)

    assert estimate(samples) == 1.0


def test_a_new_cost_is_believed_after_a_few_calls() -> None:
    samples = CountSamples()
    for call in range(1000):
        samples.learn(1.0, call)
    for call in range(1000, 1006):
        samples.learn(3.0, call)

    assert estimate(samples, call=1006) == 3.0


def test_old_measurements_weigh_less() -> None:
    samples = CountSamples()
    samples.learn(1.0, call=0)
    ((_, fresh),) = samples.weighted(1.0, call=0)
    ((_, old),) = samples.weighted(1.0, call=1000)
    ((_, ancient),) = samples.weighted(1.0, call=10**9)

    assert fresh > 4 * old > 0
    assert 0 < ancient < old


def test_recent_measurements_count_at_the_present_speed_until_they_are_settled() -> None:
    samples = CountSamples()
    samples.learn(8.0, call=1)
    assert estimate(samples, factor=8.0) == 1.0

    samples.settle([8.0])
    assert estimate(samples, factor=1.0) == 1.0


def test_a_measurement_is_settled_at_the_speed_that_fits_it() -> None:
    samples = CountSamples()
    samples.know(1.0, weight=1.0)
    for seconds in (8.0, 1.0):
        samples.learn(seconds, call=1)
        samples.settle([1.0, 8.0])

    assert {seconds for seconds, _ in samples.weighted(1.0, call=1)} == {1.0}


def test_the_slowdown_is_that_of_the_latest_measurements() -> None:
    samples = CountSamples()
    assert samples.slowdown() is None

    samples.know(2.0, weight=1.0)
    assert samples.slowdown() is None

    for call, seconds in enumerate([2.0, 2.0, 8.0, 8.0]):
        samples.learn(seconds, call)
    assert samples.slowdown() == pytest.approx(4.0)


def test_calls_that_take_no_time_say_nothing_of_the_speed() -> None:
    free, measured_as_free = CountSamples(), CountSamples()
    free.know(0.0, weight=1.0)
    free.learn(0.5, call=1)
    measured_as_free.know(0.5, weight=1.0)
    measured_as_free.learn(0.0, call=1)
    assert free.slowdown() is None
    assert measured_as_free.slowdown() is None

    measured_as_free.settle([1.0, 2.0])
    assert measured_as_free.number == 2


def test_two_measurements_agree_if_both_lie_near() -> None:
    samples = CountSamples()
    samples.learn(1.0, call=1)
    assert not samples.agree(1.0, factor=1.0)

    samples.learn(3.0, call=2)
    assert not samples.agree(1.0, factor=1.0)

    samples.learn(1.2, call=3)
    assert samples.agree(1.0, factor=1.0)
