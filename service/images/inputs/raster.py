"""Decoded pixels, and their normal form as a file: a PNG without metadata, named by its SHA-256.

Equal pixels make equal files. Knows nothing of the files that callers send.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from typing import Final

from PIL import Image

_COMPRESS_LEVEL: Final = 1
MODES: Final = ("L", "RGB", "RGBA")


@dataclass(frozen=True, slots=True)
class Raster:
    """`height` x `width` pixels of sRGB, 8 bits a channel."""

    image: Image.Image
    """Its mode is one of `MODES`. RGBA has at least one pixel that is not opaque."""

    @property
    def size(self) -> tuple[int, int]:
        return self.image.size

    @property
    def has_transparency(self) -> bool:
        return self.image.mode == "RGBA"


@dataclass(frozen=True, slots=True)
class InputFile:
    """A raster as it is stored."""

    data: bytes
    sha256: str
    """In hexadecimal."""
    width: int
    height: int


def encode_raster(raster: Raster) -> InputFile:
    """Returns the raster as a PNG without metadata, with its SHA-256."""
    file = io.BytesIO()
    raster.image.save(file, format="png", compress_level=_COMPRESS_LEVEL)
    data = file.getvalue()
    return InputFile(data, hashlib.sha256(data).hexdigest(), *raster.size)


def decode_raster(data: bytes) -> Raster:
    """Decodes a file of `encode_raster`. Raises ValueError for any other data, as after a fault of the disk."""
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            image.load()
            if image.mode in MODES:
                return Raster(image.copy())
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        pass
    raise ValueError("a stored input is damaged")
