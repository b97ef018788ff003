"""Files that leave their caller say that a model made them, and not how."""

from __future__ import annotations

import io
import random

import pytest
from PIL import Image, ImageChops
from PIL.PngImagePlugin import PngInfo

from pipelines.interface import RgbImage
from service.images.encoding import ImageFormat, encode
from service.images.sharing import without_parameters
from tests.service.images.reading import FORMATS, MADE_BY_A_MODEL, holds, parameters_in, source_type_in

SECRET = "aNoTheRsEcReT"
PARAMETERS = f"{SECRET} with ü and 鼠\nNegative prompt: {SECRET}\nSteps: 3"
PIXELS = RgbImage(64, 64, random.Random(1).randbytes(3 * 64 * 64))


def encoded(image_format: ImageFormat) -> bytes:
    return encode(PIXELS, image_format, parameters=PARAMETERS)


def opened(file: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(file))
    image.load()
    return image.convert("RGB")


@pytest.mark.parametrize("image_format", FORMATS)
def test_the_mark_and_the_pixels_stay_and_the_parameters_go(image_format: ImageFormat) -> None:
    file = encoded(image_format)
    assert SECRET in (parameters_in(file) or "")
    shared = without_parameters(file, f"image/{image_format}")
    assert parameters_in(shared) is None
    assert not holds(shared, SECRET)
    assert source_type_in(shared) == MADE_BY_A_MODEL
    assert ImageChops.difference(opened(file), opened(shared)).getbbox() is None


@pytest.mark.parametrize("image_format", FORMATS)
def test_a_file_without_parameters_stays_as_it_is(image_format: ImageFormat) -> None:
    shared = without_parameters(encoded(image_format), f"image/{image_format}")
    assert without_parameters(shared, f"image/{image_format}") == shared


def test_no_text_of_a_png_stays_but_the_mark() -> None:
    texts, held = PngInfo(), io.BytesIO()
    texts.add_text("parameters", SECRET)
    texts.add_text("Comment", SECRET, zip=True)
    texts.add_itxt("prompt", SECRET)
    Image.new("RGB", (8, 8)).save(held, "png", pnginfo=texts, exif=b"Exif\0\0" + SECRET.encode())
    shared = without_parameters(held.getvalue(), "image/png")
    assert opened(shared).size == (8, 8)
    assert Image.open(io.BytesIO(shared)).info == {}
    assert not holds(shared, SECRET)


@pytest.mark.parametrize("image_format", FORMATS)
def test_a_file_that_was_cut_short_raises_nothing(image_format: ImageFormat) -> None:
    file = encoded(image_format)
    for size in range(16, 700, 7):
        without_parameters(file[:size], f"image/{image_format}")
