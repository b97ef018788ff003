"""Tells images among the values of fields that nobody knows.

A field without effect can be left out of account, but an image cannot: its sender would get images that have nothing to
do with it.
"""

from __future__ import annotations

import re
from typing import Final

from service.api.http.form_body import UploadedFile

_FILES: Final = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"RIFF")
"""The first bytes of PNG, JPEG, GIF and WebP."""
_TEXT: Final = re.compile(r"data:image/|(?:iVBORw0KGgo|/9j/|R0lGOD|UklGR)[A-Za-z0-9+/\s]{64}", re.ASCII | re.IGNORECASE)
"""A data URL, or the base64 of such a file."""
_ADDRESS: Final = re.compile(r"https?://", re.ASCII | re.IGNORECASE)
_NAMES: Final = re.compile(r"image|mask", re.ASCII | re.IGNORECASE)
"""Parts of names of fields whose addresses are those of images."""


def image_objection(name: str, value: object) -> str | None:
    """Implements `BodyRules.objection` for images."""
    return "This field takes no image" if holds_image(name, value) else None


def holds_image(name: str, value: object) -> bool:
    """Whether the value of a field is an image or the address of one, or has one in it, however deep."""
    left = [(_names_images(name), value)]
    while left:
        named, value = left.pop()
        if isinstance(value, dict):
            left += [(named or _names_images(key), inner) for key, inner in value.items()]
        elif isinstance(value, list):
            left += [(named, inner) for inner in value]
        elif _is_image(value, named=named):
            return True
    return False


def _names_images(name: str) -> bool:
    return _NAMES.search(name) is not None


def _is_image(value: object, *, named: bool) -> bool:
    if isinstance(value, UploadedFile):
        return value.data.startswith(_FILES)
    if not isinstance(value, str):
        return False
    return bool(_TEXT.match(value) or (named and _ADDRESS.match(value)))
