"""Image files as callers send them, sound and hostile."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

from PIL import Image


def picture(size: tuple[int, int] = (24, 16)) -> Image.Image:
    """Returns an image of four quarters in different colors."""
    image = Image.new("RGB", size, (200, 30, 30))
    width, height = size[0] // 2, size[1] // 2
    image.paste((30, 200, 30), (width, 0, size[0], height))
    image.paste((30, 30, 200), (0, height, width, size[1]))
    image.paste((240, 240, 240), (width, height, size[0], size[1]))
    return image


def saved(image: Image.Image, image_format: str = "png", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format=image_format, **options)
    return file.getvalue()


def png_header(width: int, height: int) -> bytes:
    """Returns a PNG that claims this size and has nearly no pixels."""
    body = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", body), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
