"""Growth is told from noise, for each size."""

from __future__ import annotations

import dataclasses
import random

import pytest

from tests.soak.slopes import BOUNDS, Sample, find_growth, slope_an_hour

_BEGIN = Sample(at_s=0.0, server_bytes=100 << 20, worker_bytes=80 << 20, server_files=40, worker_files=20)


def run(name: str, an_hour: float, *, seconds: int, noise: float) -> list[Sample]:
    """Samples of every five seconds, of which one size grows."""
    chance = random.Random(1)
    return [
        dataclasses.replace(
            _BEGIN,
            at_s=float(at_s),
            **{name: round(getattr(_BEGIN, name) + an_hour * at_s / 3600 + chance.uniform(0, noise))},
        )
        for at_s in range(0, seconds, 5)
    ]


@pytest.mark.parametrize("name", BOUNDS)
def test_sizes_that_come_and_go_are_no_growth(name: str) -> None:
    assert find_growth(run(name, 0.0, seconds=900, noise=BOUNDS[name].slack)) == []


@pytest.mark.parametrize("name", BOUNDS)
def test_growth_of_each_size_is_found_below_the_noise(name: str) -> None:
    bound = BOUNDS[name]
    samples = run(name, 2 * (bound.an_hour + bound.slack), seconds=3600, noise=bound.slack)

    assert [each.about.split(":")[0] for each in find_growth(samples)] == [name]


def test_the_slope_is_that_of_an_hour_whatever_a_few_samples_say() -> None:
    samples = run("server_files", 120.0, seconds=7200, noise=0.0)
    samples[7] = dataclasses.replace(samples[7], server_files=9000)

    assert slope_an_hour(samples, "server_files") == pytest.approx(120.0, rel=0.05)
