"""Input images are prepared as diffusers prepares them, masks too; canvases are extended at their sides."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from service.images.inputs.preparation import (
    Margins,
    cropped,
    drawn_mask,
    extended,
    extension_mask,
    input_pixels,
    mask_of,
    prepared_image,
    prepared_mask,
)
from service.images.inputs.raster import Raster
from tests.service.images.inputs.samples import picture

SIZE = (40, 24)


def array(raster: Raster) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.asarray(raster.image)


def test_an_image_is_resized_by_lanczos_as_a_whole() -> None:
    noise = Image.effect_noise((53, 37), 60).convert("RGB")
    expected = noise.resize(SIZE, resample=Image.Resampling.LANCZOS)

    assert prepared_image(Raster(noise), SIZE).image.tobytes() == expected.tobytes()


def test_an_image_of_the_size_is_left_as_it_is() -> None:
    assert prepared_image(Raster(picture(SIZE)), SIZE).image.tobytes() == picture(SIZE).tobytes()


def test_what_is_transparent_becomes_white() -> None:
    image = Image.new("RGBA", SIZE, (10, 20, 30, 0))
    image.paste((10, 20, 30, 255), (0, 0, 20, 24))
    made = array(prepared_image(Raster(image), SIZE))

    assert made[0, 0].tolist() == [10, 20, 30]
    assert made[0, 39].tolist() == [255, 255, 255]


def test_a_mask_repaints_what_is_transparent_and_else_what_is_white() -> None:
    transparent = Image.new("RGBA", (2, 1), (255, 255, 255, 255))
    transparent.putpixel((0, 0), (255, 255, 255, 0))
    bright = Image.new("RGB", (2, 1))
    bright.putpixel((0, 0), (255, 255, 255))

    assert array(mask_of(Raster(transparent))).tolist() == [[255, 0]]
    assert array(mask_of(Raster(bright))).tolist() == [[255, 0]]


@pytest.mark.parametrize("inverted", [False, True])
def test_a_drawn_mask_repaints_what_is_opaque_or_white_at_the_size_of_the_image(inverted: bool) -> None:
    white, layer = Image.new("L", (8, 8)), Image.new("RGBA", (8, 8))
    white.paste(255, (0, 0, 4, 8))
    layer.paste((0, 0, 0, 255), (0, 0, 4, 8))
    for image in (white, layer):
        mask = drawn_mask(Raster(image), (16, 16), inverted=inverted).image
        assert (mask.mode, mask.size) == ("L", (16, 16))
        assert (mask.getpixel((1, 8)), mask.getpixel((14, 8))) == ((0, 255) if inverted else (255, 0))


def test_a_mask_is_black_or_white_from_one_half_on() -> None:
    ramp = Image.new("L", (4, 1))
    ramp.putdata([0, 127, 128, 255])
    assert array(prepared_mask(Raster(ramp), (4, 1))).tolist() == [[0, 0, 255, 255]]

    noise = Raster(Image.effect_noise((53, 37), 90))
    smooth = array(Raster(noise.image.resize(SIZE, Image.Resampling.LANCZOS)))
    assert (array(prepared_mask(noise, SIZE)) == np.where(smooth / 255 < 0.5, 0, 255)).all()


def test_an_extended_image_keeps_its_pixels_and_repeats_its_edges() -> None:
    margins = Margins(left=8, top=4, right=2, bottom=6)
    made = array(extended(Raster(picture()), margins))
    expected = np.pad(np.asarray(picture()), ((4, 6), (8, 2), (0, 0)), mode="edge")

    assert (made == expected).all()
    assert margins.around((24, 16)) == (34, 26)


def test_the_mask_of_an_extension_is_its_margins_and_what_the_mask_within_repaints() -> None:
    margins = Margins(left=1, bottom=1)
    assert array(extension_mask((2, 1), margins, None)).tolist() == [[255, 0, 0], [255, 255, 255]]

    inner = Image.new("L", (2, 1))
    inner.putpixel((1, 0), 255)
    assert array(extension_mask((2, 1), margins, Raster(inner))).tolist() == [[255, 0, 255], [255, 255, 255]]


@pytest.mark.parametrize(
    ("size", "part"),
    [((64, 64), (16, 16)), ((96, 64), (24, 16)), ((64, 32), (24, 12)), ((1000, 1), (24, 1)), ((1, 1000), (1, 16))],
)
def test_a_crop_is_the_largest_centered_part_of_the_proportions(size: tuple[int, int], part: tuple[int, int]) -> None:
    made = cropped(Raster(picture()), size)
    left, top = (24 - part[0]) // 2, (16 - part[1]) // 2

    assert made.size == part
    assert made.image.tobytes() == picture().crop((left, top, left + part[0], top + part[1])).tobytes()


@pytest.mark.parametrize(("mode", "channels"), [("RGB", 3), ("L", 1)])
def test_pixels_for_the_engine_say_their_size_and_channels(mode: str, channels: int) -> None:
    pixels = input_pixels(Raster(picture().convert(mode)), (24, 16))

    assert (pixels.width, pixels.height, pixels.channels) == (24, 16, channels)
    assert pixels.pixels == picture().convert(mode).tobytes()
    assert len(input_pixels(Raster(picture().convert(mode)), (8, 8)).pixels) == 64 * channels


def test_margins_that_are_all_zero_are_none() -> None:
    assert not Margins()
    assert Margins(right=1)
