"""Pixels are held once, as long as an image needs them, and within a bound."""

from __future__ import annotations

import pytest

from pipelines.interface import InputPixels
from pipelines.params import PixelKey
from service.engine.frontend.inputs.held_pixels import HeldPixels
from service.errors import QueueFullError

ONE, OTHER, LARGE = (PixelKey(digest * 64, 2, 2) for digest in "abc")


def pixels(size: int = 12) -> InputPixels:
    return InputPixels(2, 2, 3, bytes(size))


def test_images_with_equal_keys_share_one_copy() -> None:
    held = HeldPixels()
    first = held.hold([ONE], {ONE: pixels()})
    second = held.hold([ONE], {ONE: pixels()})

    assert first[ONE] is second[ONE]
    assert held.total_bytes == 12


def test_pixels_are_forgotten_with_the_last_image_that_needs_them() -> None:
    held = HeldPixels()
    for _ in range(2):
        held.hold([ONE, OTHER], {ONE: pixels(), OTHER: pixels(4)})
    held.release([ONE, OTHER])
    assert held.total_bytes == 16
    held.release([OTHER])
    assert held.total_bytes == 12
    held.release([ONE])
    assert held.total_bytes == 0


def test_an_image_that_needs_the_same_pixels_twice_releases_them() -> None:
    held = HeldPixels()
    held.release(held.hold([ONE, ONE], {ONE: pixels()}))
    assert held.total_bytes == 0


def test_more_than_the_bound_is_refused_unless_nothing_else_is_held() -> None:
    held = HeldPixels(max_bytes=20)
    held.check_room({LARGE: pixels(100)})
    held.hold([ONE], {ONE: pixels()})

    held.check_room({})
    held.check_room({ONE: pixels()})
    held.check_room({OTHER: pixels(8)})
    with pytest.raises(QueueFullError) as refusal:
        held.check_room({ONE: pixels(), OTHER: pixels(9)})
    assert refusal.value.retry_after_s
