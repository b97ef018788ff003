"""A server that makes many jobs levels off, and one that did not would be noticed."""

from __future__ import annotations

import dataclasses

import pytest

from tests.chaos.conftest import MakeSite
from tests.chaos.growth import SETTINGS, Sample, grow, level

_MEBIBYTE = 1 << 20
_LEVEL = Sample(
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
def test_what_a_server_keeps_levels_off(make_site: MakeSite) -> None:
    tally, samples = grow(make_site(worker=(), settings=SETTINGS), jobs=120)

    assert tally.discrepancies == []
    assert max(sample.image_files for sample in samples) < 120


def test_a_level_is_no_growth() -> None:
    assert level([dataclasses.replace(_LEVEL, jobs=jobs) for jobs in range(10)]) == []


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Sample) if field.name != "jobs"])
def test_growth_is_noticed_in_whatever_it_is(name: str) -> None:
    samples = [
        dataclasses.replace(_LEVEL, **{"jobs": jobs, name: getattr(_LEVEL, name) * (1 + jobs)}) for jobs in range(10)
    ]

    assert [each.about.split(":")[0] for each in level(samples)] == [name]
