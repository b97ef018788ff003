"""Sizes are read, tested against those that a model draws, and replaced by the nearest of these."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.fake import INFO
from pipelines.model_info import ModelInfo
from service.api.generation.sizes import (
    can_draw,
    can_draw_side,
    enlarged,
    nearest_size,
    parse_size,
    size_for,
    spell,
)
from service.engine.types import Size

SIDES: Final = st.integers(1, 99_999)
SQUARES_ONLY: Final = replace(INFO, sizes=((128, 128), (256, 256)))


@given(width=SIDES, height=SIDES)
def test_a_size_is_read_as_it_is_spelled(width: int, height: int) -> None:
    assert parse_size(spell((width, height))) == (width, height)


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "128", "128x", "x128", "0x0", "08x8", "-8x8", "+8x8", "8.0x8", " 8x8", "8x8\n", "8X8", "8x8x8",
        "100000x8", "١٢٨x١٢٨",
    ],
)  # fmt: skip
def test_other_text_is_no_size(text: str) -> None:
    assert parse_size(text) is None


@pytest.mark.parametrize(
    ("size", "drawn"),
    [
        ((64, 64), True),
        ((1024, 1024), True),
        ((64, 1024), True),
        ((56, 64), False),
        ((64, 1032), False),
        ((65, 64), False),
        ((64, 100), False),
    ],
)
def test_a_model_draws_sides_within_its_limits(size: Size, drawn: bool) -> None:
    assert can_draw(size, INFO.limits) is drawn
    assert all(can_draw_side(side, INFO.limits) for side in size) is drawn


def test_a_model_draws_no_more_pixels_than_its_limit() -> None:
    limits = replace(INFO.limits, max_pixels=128 * 128)
    assert can_draw((64, 256), limits)
    assert not can_draw((136, 128), limits)
    assert all(can_draw_side(side, limits) for side in (136, 128))


@pytest.mark.parametrize(
    ("asked", "drawn"),
    [
        ((1024, 1024), (1024, 1024)),
        ((200, 104), (200, 104)),
        ((1792, 1024), (160, 96)),
        ((1024, 1792), (96, 160)),
        ((32, 32), (128, 128)),
        ((201, 104), (160, 96)),
    ],
)
def test_a_size_that_the_model_cannot_draw_becomes_the_nearest_of_its_aspect(asked: Size, drawn: Size) -> None:
    assert nearest_size(asked, INFO) == drawn


def test_without_a_size_of_its_aspect_the_one_that_is_stretched_least_is_nearest() -> None:
    assert nearest_size((300, 201), SQUARES_ONLY) == (256, 256)
    assert nearest_size((100, 33), SQUARES_ONLY) == (128, 128)


@given(width=SIDES, height=SIDES, model=st.sampled_from([INFO, SQUARES_ONLY]))
def test_the_nearest_size_can_be_drawn_and_is_its_own_nearest(width: int, height: int, model: ModelInfo) -> None:
    nearest = nearest_size((width, height), model)
    assert can_draw(nearest, model.limits)
    assert nearest_size(nearest, model) == nearest
    assert nearest == (width, height) or nearest in model.sizes


@pytest.mark.parametrize(
    ("upload", "size"),
    [
        ((128, 128), (128, 128)),
        ((64, 1024), (64, 1024)),
        ((4000, 3000), (144, 112)),
        ((3000, 4000), (112, 144)),
        ((130, 100), (128, 96)),
        ((10, 10), (64, 64)),
        ((5000, 10), (1024, 64)),
    ],
)
def test_an_upload_decides_the_size_of_the_image_that_starts_from_it(upload: Size, size: Size) -> None:
    assert size_for(upload, INFO) == size


@given(st.tuples(st.integers(1, 20000), st.integers(1, 20000)))
def test_the_size_for_an_upload_can_always_be_drawn(upload: Size) -> None:
    assert can_draw(size_for(upload, INFO), INFO.limits)


def test_an_enlarged_size_is_a_multiple_of_what_the_model_draws() -> None:
    assert enlarged((128, 96), 1.5, INFO.limits) == (192, 144)
    assert enlarged((128, 96), 1.3, INFO.limits) == (168, 128)
