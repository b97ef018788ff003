"""Loads are the same for the same seed, and hold what their arguments say."""

from __future__ import annotations

import itertools
import statistics
from collections import Counter

import pytest

from benchmarks.workload import Arrival, Job, JobClass, Mix, at_once, bursty, poisson, schedule

MIX = Mix()


def jobs(count: int, seed: int = 1) -> list[Job]:
    return list(itertools.islice(MIX.jobs(seed), count))


def gaps(times: list[float]) -> list[float]:
    return [later - earlier for earlier, later in itertools.pairwise([0.0, *times])]


def test_a_seed_gives_the_same_jobs_and_the_same_arrivals_each_time() -> None:
    assert jobs(50, seed=3) == jobs(50, seed=3)
    assert list(itertools.islice(poisson(2.0, 3), 50)) == list(itertools.islice(poisson(2.0, 3), 50))


def test_another_seed_gives_others() -> None:
    assert jobs(50, seed=3) != jobs(50, seed=4)
    assert list(itertools.islice(poisson(2.0, 3), 5)) != list(itertools.islice(poisson(2.0, 4), 5))


def test_every_deck_of_jobs_holds_every_class_once() -> None:
    drawn = jobs(3 * len(MIX.kinds))
    assert Counter(job.kind for job in drawn) == dict.fromkeys(MIX.kinds, 3)


def test_decks_are_shuffled() -> None:
    size = len(MIX.kinds)
    kinds = [job.kind for job in jobs(2 * size)]
    assert kinds[:size] != kinds[size:]


def test_the_default_mix_has_eighteen_classes() -> None:
    assert len(MIX.kinds) == len(set(MIX.kinds)) == 18


def test_a_guidance_scale_of_one_is_unguided() -> None:
    job = Job("a red circle", 4, 1.0, (128, 128), 1)
    assert job.kind == JobClass(4, False, (128, 128))
    assert job.kind.name == "4 steps, unguided, 128x128"


def test_two_guided_scales_are_one_class() -> None:
    assert len(Mix(steps=(4,), guidance_scales=(4.0, 7.5), sizes=((128, 128),)).kinds) == 1


def test_a_mix_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Mix(steps=())


def test_poisson_arrivals_come_at_their_rate_with_gaps_as_wide_as_their_mean() -> None:
    spacing = gaps(list(itertools.islice(poisson(4.0, 7), 20_000)))
    assert statistics.mean(spacing) == pytest.approx(1 / 4, rel=0.03)
    assert statistics.stdev(spacing) == pytest.approx(1 / 4, rel=0.05)


def test_bursty_arrivals_come_at_their_rate_with_gaps_that_vary_as_said() -> None:
    spacing = gaps(list(itertools.islice(bursty(4.0, 7, variation=3.0), 50_000)))
    assert statistics.mean(spacing) == pytest.approx(1 / 4, rel=0.06)
    assert statistics.stdev(spacing) == pytest.approx(3 / 4, rel=0.10)


@pytest.mark.parametrize(("rate", "variation"), [(0.0, 1.0), (1.0, 0.0)])
def test_arrivals_need_a_rate_and_a_variation(rate: float, variation: float) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        next(bursty(rate, 1, variation))


def test_a_schedule_ends_before_its_duration() -> None:
    arrivals = schedule([0.5, 1.0, 2.0, 3.0], jobs(9), duration_s=2.0, max_jobs=9)
    assert [arrival.at_s for arrival in arrivals] == [0.5, 1.0]


def test_a_schedule_holds_no_more_than_its_bound() -> None:
    assert len(schedule(poisson(1000.0, 1), MIX.jobs(1), duration_s=1e9, max_jobs=7)) == 7


def test_jobs_at_once_are_all_due_in_the_first_moment() -> None:
    assert at_once(MIX.jobs(1), 3) == [Arrival(0.0, job) for job in jobs(3)]
