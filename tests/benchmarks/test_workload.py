"""Workloads are reproducible and have the requested distribution."""

from __future__ import annotations

import itertools
import statistics
from collections import Counter

import pytest

from benchmarks.workload import Arrival, Mix, Request, RequestClass, at_once, bursty, poisson, schedule

MIX = Mix()


def requests(count: int, seed: int = 1) -> list[Request]:
    return list(itertools.islice(MIX.requests(seed), count))


def gaps(times: list[float]) -> list[float]:
    return [later - earlier for earlier, later in itertools.pairwise([0.0, *times])]


def test_a_seed_gives_the_same_requests_and_arrivals_every_time() -> None:
    assert requests(50, seed=3) == requests(50, seed=3)
    assert list(itertools.islice(poisson(2.0, 3), 50)) == list(itertools.islice(poisson(2.0, 3), 50))


def test_another_seed_gives_other_requests_and_arrivals() -> None:
    assert requests(50, seed=3) != requests(50, seed=4)
    assert list(itertools.islice(poisson(2.0, 3), 5)) != list(itertools.islice(poisson(2.0, 4), 5))


def test_every_deck_contains_every_class_once() -> None:
    drawn = requests(3 * len(MIX.classes))
    assert Counter(request.request_class for request in drawn) == dict.fromkeys(MIX.classes, 3)


def test_decks_are_shuffled() -> None:
    size = len(MIX.classes)
    classes = [request.request_class for request in requests(2 * size)]
    assert classes[:size] != classes[size:]


def test_the_default_mix_has_eighteen_classes() -> None:
    assert len(MIX.classes) == len(set(MIX.classes)) == 18


def test_a_guidance_scale_of_one_is_unguided() -> None:
    request = Request("a red circle", 4, 1.0, (128, 128), 1)
    assert request.request_class == RequestClass(4, False, (128, 128))
    assert request.request_class.name == "4 steps, unguided, 128x128"


def test_two_guidance_scales_above_one_are_one_class() -> None:
    assert len(Mix(steps=(4,), guidance_scales=(4.0, 7.5), sizes=((128, 128),)).classes) == 1


def test_an_empty_mix_is_rejected() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Mix(steps=())


def test_poisson_gaps_have_the_mean_of_their_rate_and_a_variation_of_one() -> None:
    spacing = gaps(list(itertools.islice(poisson(4.0, 7), 20_000)))
    assert statistics.mean(spacing) == pytest.approx(1 / 4, rel=0.03)
    assert statistics.stdev(spacing) == pytest.approx(1 / 4, rel=0.05)


def test_bursty_gaps_have_the_mean_of_their_rate_and_the_requested_variation() -> None:
    spacing = gaps(list(itertools.islice(bursty(4.0, 7, variation=3.0), 50_000)))
    assert statistics.mean(spacing) == pytest.approx(1 / 4, rel=0.06)
    assert statistics.stdev(spacing) == pytest.approx(3 / 4, rel=0.10)


@pytest.mark.parametrize(("rate", "variation"), [(0.0, 1.0), (1.0, 0.0)])
def test_rate_and_variation_must_be_positive(rate: float, variation: float) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        next(bursty(rate, 1, variation))


def test_a_schedule_ends_before_its_duration() -> None:
    arrivals = schedule([0.5, 1.0, 2.0, 3.0], requests(9), duration_s=2.0, max_requests=9)
    assert [arrival.at_s for arrival in arrivals] == [0.5, 1.0]


def test_a_schedule_is_limited_in_requests() -> None:
    assert len(schedule(poisson(1000.0, 1), MIX.requests(1), duration_s=1e9, max_requests=7)) == 7


def test_requests_at_once_are_all_due_at_the_start() -> None:
    assert at_once(MIX.requests(1), 3) == [Arrival(0.0, request) for request in requests(3)]
