"""Saves, decodes and shows the content of image files."""

from __future__ import annotations

import base64
import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from PIL import Image as PillowImage

_PNG: Final = b"\x89PNG\r\n\x1a\n"


def save(content: bytes, path: str | os.PathLike[str]) -> Path:
    """Write the file and return its path. The suffix of `path` does not change the format. Raises `OSError`."""
    target = Path(path)
    target.write_bytes(content)
    return target


def to_pil(content: bytes) -> PillowImage.Image:
    """Return the decoded image. Raises `ImportError` without Pillow, which the extra `pillow` installs."""
    try:
        from PIL import Image as PillowImage
    except ImportError as error:
        raise ImportError("to_pil() needs Pillow. Install it: pip install 'darkroom-client[pillow]'") from error
    image = PillowImage.open(io.BytesIO(content))
    image.load()
    return image


def mime_of(content: bytes) -> str:
    """Return the media type of a PNG, JPEG or WebP file."""
    if content.startswith(_PNG):
        return "image/png"
    return "image/jpeg" if content.startswith(b"\xff\xd8") else "image/webp"


def png_or_none(content: bytes) -> bytes | None:
    """Return the content where it is a PNG: IPython's `_repr_png_`."""
    return content if content.startswith(_PNG) else None


def mime_bundle(content: bytes) -> dict[str, str]:
    """Return the content by its media type, in base64: IPython's `_repr_mimebundle_`."""
    return {mime_of(content): base64.b64encode(content).decode("ascii")}
