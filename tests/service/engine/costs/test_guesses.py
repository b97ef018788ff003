"""Costs of keys that were never measured are guessed from other keys."""

from __future__ import annotations

import pytest

from pipelines.interface import UPCAST, UPSCALE, CostKey, Stage
from service.engine.costs.cost_table import Point
from service.engine.costs.guesses import guess
from service.engine.costs.key_costs import KeyCosts
from service.engine.costs.latency_curve import LatencyCurve


def denoise(width: int, height: int, variant: str = "") -> CostKey:
    return CostKey(Stage.DENOISE, width, height, variant)


def linear(row_s: float) -> KeyCosts:
    return KeyCosts(2, 16, points=[Point(count, 1.0 + row_s * count) for count in (1, 2, 4, 8, 16)], guess=None)


def guessed(key: CostKey, known: dict[CostKey, KeyCosts]) -> LatencyCurve:
    return guess(key, known, most=16, factor=1.0)


def test_a_row_of_twice_the_pixels_counts_as_two() -> None:
    curve = guessed(denoise(128, 64), {denoise(64, 64): linear(1.0)})

    assert [curve.at(count) for count in (1, 2, 4)] == [3.0, 5.0, 9.0]


def test_the_nearest_size_is_that_with_the_most_similar_number_of_pixels() -> None:
    known = {denoise(64, 64): linear(1.0), denoise(256, 256): linear(7.0)}

    assert (
        guessed(denoise(72, 64), known).at(1)
        < guessed(denoise(248, 256), known).at(1)
        == pytest.approx(1.0 + 7.0 * 248 / 256)
    )


def test_a_key_of_the_same_variant_is_nearer_than_one_of_the_same_size() -> None:
    known = {denoise(64, 64): linear(1.0), denoise(128, 64, UPCAST): linear(9.0)}

    assert guessed(denoise(128, 64), known).at(1) == 3.0
    assert guessed(denoise(64, 64, UPCAST), known).at(2) == 10.0


def test_upcast_calls_are_guessed_to_take_longer_than_plain_ones() -> None:
    plain, upcast = denoise(64, 64), denoise(64, 64, UPCAST)

    assert guessed(upcast, {plain: linear(1.0)}).at(1) == 4.0
    assert guessed(plain, {upcast: linear(1.0)}).at(1) == 1.0


def test_texts_have_no_size() -> None:
    known = {CostKey(Stage.TEXT): linear(1.0)}

    assert guessed(CostKey(Stage.TEXT, variant=UPCAST), known).at(1) == 4.0


def test_without_any_measurement_costs_are_proportional_to_rows_and_pixels() -> None:
    small, large = guessed(denoise(64, 64), {}), guessed(denoise(128, 64), {})

    assert large.at(1) == small.at(2) == pytest.approx(2 * small.at(1))
    assert guessed(CostKey(Stage.TEXT), {}).at(1) > 0.0


def test_the_first_guess_is_of_the_present_seconds() -> None:
    fast, slow = (guess(denoise(64, 64), {}, most=16, factor=factor) for factor in (1.0, 8.0))

    assert slow.at(1) * 8.0 == fast.at(1)


def test_an_enlargement_by_way_of_pixels_counts_as_two_encodes() -> None:
    encode = CostKey(Stage.INPUT, 64, 64)
    curve = guessed(encode._replace(variant=UPSCALE), {encode: linear(1.0)})

    assert [curve.at(count) for count in (1, 2)] == [4.0, 6.0]
