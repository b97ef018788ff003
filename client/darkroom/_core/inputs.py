"""Turns an image that a caller passes into text for a JSON body."""

from __future__ import annotations

import base64
import io
import os
from pathlib import Path
from typing import Any

from darkroom.results.server import Upload
from darkroom.types import ImageInput


def encode_image(image: ImageInput) -> str:
    """Return base64, or the SHA-256 of an upload. A text is passed on as it is.

    Raises `OSError` for a path that cannot be read, and `TypeError` for anything that is not an image.
    """
    if isinstance(image, str):
        return image
    if isinstance(image, Upload):
        return image.sha256
    return base64.b64encode(_content(image)).decode("ascii")


def _content(image: Any) -> bytes:
    if isinstance(image, os.PathLike):
        return Path(image).read_bytes()
    if isinstance(image, bytes):
        return bytes(image)
    for read in ("bytes", "read"):
        if callable(getattr(image, read, None)):
            return _as_bytes(getattr(image, read)())
    if callable(getattr(image, "save", None)):
        file = io.BytesIO()
        image.save(file, format="png")
        return file.getvalue()
    raise TypeError(
        f"an image must be bytes, a path, an open file, an image of a result, an upload or an image of Pillow, "
        f"not {type(image).__name__}"
    )


def _as_bytes(content: object) -> bytes:
    if isinstance(content, bytes):
        return content
    close = getattr(content, "close", None)
    if close is not None:
        close()  # A coroutine that nobody awaits would complain.
        raise TypeError("load the image first: pass await image.bytes()")
    raise TypeError("the file must be opened in binary mode")
