"""Images and masks are read as AUTOMATIC1111's web UI reads them."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from pipelines.fake import INFO
from service.api.dialects.a1111.errors import BODY_RULES
from service.api.dialects.a1111.inputs import read_inputs, resize_mode
from service.api.dialects.a1111.schemas import Img2ImgRequest
from service.api.generation.inputs import DecodedInputs, InputReader
from service.api.generation.prepared_inputs import PreparedInputs
from service.api.http.request_body import Parsed, parse
from service.engine.types import Size
from service.errors import InvalidRequestError
from service.images.inputs.decoder import DirectDecoder
from tests.service.images.inputs.samples import picture, saved

SIZE = (24, 16)
LEFT = (0, 0, 12, 16)
READER = InputReader(DirectDecoder(1 << 20), None, max_pixels=1 << 20, at_a_time=1)


def text(image: Image.Image) -> str:
    return base64.b64encode(saved(image)).decode()


def parsed(**fields: Any) -> Parsed[Img2ImgRequest]:
    return parse(Img2ImgRequest, {"init_images": [text(picture(SIZE))], **fields}, BODY_RULES, as_text=True)


def accept(size: Size, inputs: PreparedInputs) -> None:
    """A `Judge` that refuses nothing."""


async def read(**fields: Any) -> DecodedInputs:
    return await read_inputs(READER, parsed(**fields), INFO, "alice", accept)


def white_left() -> Image.Image:
    mask = Image.new("L", SIZE)
    mask.paste(255, LEFT)
    return mask


def drawn_left() -> Image.Image:
    layer = Image.new("RGBA", SIZE)
    layer.paste((0, 0, 0, 255), LEFT)
    return layer


@pytest.mark.parametrize("mask", [white_left(), drawn_left(), white_left().resize((48, 32), Image.Resampling.NEAREST)])
async def test_what_is_white_or_drawn_on_a_layer_is_repainted(mask: Image.Image) -> None:
    found, inverted = [
        await read(mask=f"data:image/png;base64,{text(mask)}", inpainting_mask_invert=invert) for invert in (0, 1)
    ]

    assert found.mask is not None
    assert inverted.mask is not None
    masks = [decoded.image.point(lambda value: value >= 128 and 255) for decoded in (found.mask, inverted.mask)]
    assert [[image.getpixel(place) for place in ((2, 8), (21, 8))] for image in masks] == [[255, 0], [0, 255]]
    assert found.keep_unmasked


async def test_the_strength_is_three_quarters_and_makes_at_least_one_step() -> None:
    strengths = [
        (await read(steps=steps, **fields)).strength
        for steps, fields in ((20, {}), (20, {"denoising_strength": 0.4}), (49, {"denoising_strength": 0}), (1, {}))
    ]

    assert strengths == [0.75, 0.4, pytest.approx(1.001 / 49), 1.0]
    assert (await read_inputs(READER, parsed(), replace(INFO, reads_image=True), "alice", accept)).strength is None


@pytest.mark.parametrize(
    ("kinds", "fields", "named"),
    [
        ((), {}, "init_images"),
        (("image",), {"mask": "QUJD"}, "mask"),
        (("image", "mask"), {"mask": "QUJD"}, "mask"),
        (("image", "mask"), {"init_images": ["QUJD"]}, "init_images"),
        (("image", "mask"), {"init_images": ["http://localhost/x.png"]}, "init_images"),
    ],
)
async def test_what_is_no_image_or_not_taken_is_refused_by_name(
    kinds: tuple[Any, ...], fields: dict[str, Any], named: str
) -> None:
    with pytest.raises(InvalidRequestError, match=f"^{named}: "):
        await read_inputs(READER, parsed(**fields), replace(INFO, input_kinds=kinds), "alice", accept)


def test_an_empty_mask_is_none_and_the_image_is_stretched_or_cropped() -> None:
    modes = [resize_mode(parsed(mask="", resize_mode=mode).request) for mode in (0, 1, 2, 3)]

    assert modes == ["stretch", "crop", "crop", "stretch"]
