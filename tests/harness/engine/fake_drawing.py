"""The pixels of the fake engine's images."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping

from pipelines.interface import InputPixels, RgbImage
from pipelines.params import GenerationParams, PixelKey
from service.engine.interface import NO_INPUTS

UNENCODABLE = "unencodable"


def draw(params: GenerationParams, inputs: Mapping[PixelKey, InputPixels] = NO_INPUTS) -> RgbImage:
    """Returns an image in one color, which the prompt and the seed decide.

    An image that starts from another one is that one, mixed with the color by its strength, where its mask is white.
    The prompt "noise" gives pixels that do not compress, the prompt `UNENCODABLE` too few pixels.
    """
    if params.prompt == UNENCODABLE:
        return RgbImage(params.width, params.height, b"")
    if params.prompt == "noise":
        return RgbImage(
            params.width, params.height, random.Random(params.seed).randbytes(3 * params.width * params.height)
        )
    color = hashlib.sha256(f"{params.prompt}/{params.seed}".encode()).digest()[:3]
    flat = color * (params.width * params.height)
    if not params.pixels:
        return RgbImage(params.width, params.height, flat)
    image, *masks = (inputs[key].pixels for key in params.pixels)
    white = masks[0] if masks else bytes([255]) * (params.width * params.height)
    mixed = bytes(
        round(old + (new - old) * params.strength) if white[i // 3] else old
        for i, (old, new) in enumerate(zip(image, flat, strict=True))
    )
    return RgbImage(params.width, params.height, mixed)
