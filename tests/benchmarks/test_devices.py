"""The benchmark of several devices: it runs with two fake workers, and its ratios are medians over the rounds."""

from __future__ import annotations

import pytest

from benchmarks.devices import WIDTHS, make_images, measure_s, print_table


@pytest.mark.integration
async def test_images_are_made_on_several_devices() -> None:
    assert await measure_s(2, make_images(4)) > 0


def test_images_have_several_sizes_and_seeds_of_their_own() -> None:
    images = make_images(7)

    assert {params.width for params in images} == set(WIDTHS)
    assert len({params.seed for params in images}) == 7


def test_a_ratio_compares_the_rates_of_one_round(capsys: pytest.CaptureFixture[str]) -> None:
    print_table({1: [10.0, 20.0, 30.0], 2: [20.0, 38.0, 30.0]})
    output = capsys.readouterr().out

    assert "1.00x" in output
    assert "1.90x" in output
