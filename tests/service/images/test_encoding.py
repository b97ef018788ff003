"""Pixels are encoded as PNG, WebP and JPEG with the requested quality and size, and files as thumbnails."""

from __future__ import annotations

import io
import random

import pytest
from PIL import Image

from pipelines.interface import RgbImage
from service.images.encoding import THUMBNAIL_SIDE, Encoder, ImageFormat, encode, thumbnail
from tests.service.images.reading import FORMATS, MADE_BY_A_MODEL, parameters_in, source_type_in

PIXELS = RgbImage(16, 8, random.Random(1).randbytes(3 * 16 * 8))


def decoded(file: bytes) -> Image.Image:
    return Image.open(io.BytesIO(file))


@pytest.mark.parametrize("image_format", FORMATS)
def test_a_file_has_the_requested_format_and_size(image_format: ImageFormat) -> None:
    image = decoded(encode(PIXELS, image_format, size=(32, 24)))

    assert (image.format, image.size, image.mode) == (image_format.upper(), (32, 24), "RGB")


@pytest.mark.parametrize(
    ("image_format", "quality", "lossless"),
    [
        ("png", None, True),
        ("png", 10, True),
        ("webp", None, True),
        ("webp", 100, True),
        ("webp", 99, False),
        ("jpeg", None, False),
        ("jpeg", 100, False),
    ],
)
def test_png_is_lossless_and_webp_is_unless_a_lower_quality_is_asked_for(
    image_format: ImageFormat, quality: int | None, lossless: bool
) -> None:
    image = decoded(encode(PIXELS, image_format, quality=quality))

    assert (image.convert("RGB").tobytes() == PIXELS.pixels) is lossless


@pytest.mark.parametrize("image_format", ["webp", "jpeg"])
def test_a_lower_quality_makes_a_smaller_file(image_format: ImageFormat) -> None:
    assert len(encode(PIXELS, image_format, quality=10)) < len(encode(PIXELS, image_format, quality=90))


@pytest.mark.parametrize(
    ("width", "height", "expected"), [(512, 256, (256, 128)), (64, 512, (32, 256)), (9, 7, (9, 7))]
)
def test_a_thumbnail_keeps_the_proportions_and_enlarges_nothing(
    width: int, height: int, expected: tuple[int, int]
) -> None:
    file = encode(RgbImage(width, height, bytes(3 * width * height)), "png")

    small = decoded(thumbnail(file))

    assert (small.format, small.size) == ("WEBP", expected)
    assert max(small.size) <= THUMBNAIL_SIDE


@pytest.mark.parametrize("image_format", FORMATS)
def test_a_thumbnail_keeps_the_mark_and_not_the_parameters(image_format: ImageFormat) -> None:
    small = thumbnail(encode(PIXELS, image_format, parameters="a red circle"))

    assert source_type_in(small) == MADE_BY_A_MODEL
    assert parameters_in(small) is None


async def test_the_encoder_makes_the_same_files_as_the_functions() -> None:
    encoder = Encoder(1)
    file = await encoder.encode(PIXELS, "webp", quality=50, size=(32, 16), parameters="a red circle")
    small = await encoder.thumbnail(file)
    encoder.close()

    assert file == encode(PIXELS, "webp", quality=50, size=(32, 16), parameters="a red circle")
    assert parameters_in(file) == "a red circle"
    assert small == thumbnail(file)


async def test_too_few_pixels_are_an_error() -> None:
    encoder = Encoder(1)
    with pytest.raises(ValueError, match="not enough image data"):
        await encoder.encode(RgbImage(16, 8, b""), "png")
    encoder.close()
