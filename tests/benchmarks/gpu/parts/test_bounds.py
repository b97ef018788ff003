"""The operations of the networks, and the rates that a device's peak allows."""

from __future__ import annotations

import pytest

from benchmarks.gpu.parts import bounds, models
from benchmarks.gpu.parts.bounds import Work

SD15 = Work(row=0.80, decode=2.5)
SDXL = Work(row=6.76, decode=10.5)
"""The published figures of the two, rounded."""


@pytest.mark.parametrize(("model", "published"), [(models.SD15, SD15), (models.SDXL, SDXL)], ids=["sd15", "sdxl"])
def test_the_networks_have_the_arithmetic_of_the_published_models(model: models.Model, published: Work) -> None:
    counted = bounds.work(model)

    assert counted.row == pytest.approx(published.row, rel=0.01)
    assert counted.decode == pytest.approx(published.decode, rel=0.01)


def test_a_guided_image_takes_two_rows_a_step_and_a_decode() -> None:
    assert SD15.image(20) == pytest.approx(40 * 0.80 + 2.5)


def test_the_bound_is_the_peak_over_an_images_work() -> None:
    bound = bounds.images_per_s(models.SD15, 20, "NVIDIA H100 80GB HBM3")

    assert bound == pytest.approx(28.6, rel=0.01)
    assert bounds.share(10.0, bound) == pytest.approx(0.35, rel=0.01)


def test_a_device_that_is_not_listed_has_no_bound() -> None:
    assert bounds.peak("NVIDIA H100 PCIe") != bounds.peak("NVIDIA H100 80GB HBM3")
    assert bounds.images_per_s(models.TINY_SD, 20, "CPU") is None
    assert bounds.share(10.0, None) is None
