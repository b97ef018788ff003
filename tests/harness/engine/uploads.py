"""Pixels of uploads that exist in tests alone: a pure function of their digest and size."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any, Final

from pipelines.interface import EncodedInput, InputPixels, Pipeline
from pipelines.params import GenerationParams, HiresFix, PixelKey
from service.engine import messages

IMAGE: Final = "1" * 64
OTHER_IMAGE: Final = "2" * 64
MASK: Final = "3" * 64
ENLARGED: Final = HiresFix(width=64, height=64, steps=4, strength=0.5, upscaler="bilinear")
"""A first pass whose latents are enlarged."""
DECODED: Final = replace(ENLARGED, upscaler="decoded")
"""A first pass that is enlarged by way of its pixels."""


def pixels_of(key: PixelKey, channels: int) -> InputPixels:
    count = key.width * key.height * channels
    noise = hashlib.shake_128(key.digest.encode()).digest(count)
    return InputPixels(key.width, key.height, channels, noise)


def inputs_of(params: GenerationParams) -> list[InputPixels]:
    """Return the pixels of `params.pixels`: those of the image, and those of its mask."""
    return [pixels_of(key, channels) for key, channels in zip(params.pixels, (3, 1), strict=False)]


def messages_of(params: GenerationParams) -> list[messages.Input]:
    """Return the messages that bring these pixels to a worker."""
    pairs = zip(params.pixels, inputs_of(params), strict=True)
    return [messages.Input(key.digest, key.width, key.height, each.channels, each.pixels) for key, each in pairs]


def encode(pipeline: Pipeline[Any, Any, Any], params: GenerationParams) -> EncodedInput | None:
    """Encode what the image starts from, if anything."""
    if params.image is None:
        return None
    (encoded,) = pipeline.encode_inputs([params], [inputs_of(params)])
    return encoded
