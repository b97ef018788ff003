"""What the fake engine draws: flat colors."""

from __future__ import annotations

import hashlib
import random

from pipelines.interface import RgbImage
from pipelines.params import GenerationParams

UNENCODABLE = "unencodable"


def draw(params: GenerationParams) -> RgbImage:
    """Returns an image in one color, which the prompt and the seed decide.

    The prompt "noise" gives pixels that do not compress, the prompt `UNENCODABLE` too few pixels.
    """
    if params.prompt == UNENCODABLE:
        return RgbImage(params.width, params.height, b"")
    if params.prompt == "noise":
        return RgbImage(
            params.width, params.height, random.Random(params.seed).randbytes(3 * params.width * params.height)
        )
    color = hashlib.sha256(f"{params.prompt}/{params.seed}".encode()).digest()[:3]
    return RgbImage(params.width, params.height, color * (params.width * params.height))
