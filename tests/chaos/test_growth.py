"""A server that runs many jobs does not grow without bound, and the check would notice if it did."""

from __future__ import annotations

import dataclasses

import pytest

from tests.chaos.conftest import MakeCluster
from tests.chaos.growth import SETTINGS, Sample, find_growth, grow

_MEBIBYTE = 1 << 20
_CONSTANT = Sample(
    jobs=0,
    database_bytes=_MEBIBYTE,
    log_bytes=4 * _MEBIBYTE,
    image_bytes=200_000,
    image_files=200,
    server_bytes=100 * _MEBIBYTE,
    worker_bytes=30 * _MEBIBYTE,
    open_files=40,
)


@pytest.mark.timeout(1800)
def test_what_a_server_keeps_levels_off(make_cluster: MakeCluster) -> None:
    tally, samples = grow(make_cluster(worker=(), settings=SETTINGS), jobs=120)

    assert tally.discrepancies == []
    assert max(sample.image_files for sample in samples) < 120


def test_a_constant_size_is_not_growth() -> None:
    assert find_growth([dataclasses.replace(_CONSTANT, jobs=jobs) for jobs in range(10)]) == []


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Sample) if field.name != "jobs"])
def test_growth_of_each_size_is_noticed(name: str) -> None:
    samples = [
        dataclasses.replace(_CONSTANT, **{"jobs": jobs, name: getattr(_CONSTANT, name) * (1 + jobs)})
        for jobs in range(10)
    ]

    assert [each.about.split(":")[0] for each in find_growth(samples)] == [name]
