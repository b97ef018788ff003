"""Reads the metadata of image files with Pillow, as another program would."""

from __future__ import annotations

import io
from typing import Final
from xml.etree import ElementTree

from PIL import ExifTags, Image

from service.images.encoding import ImageFormat

FORMATS: Final[tuple[ImageFormat, ...]] = ("png", "webp", "jpeg")
MADE_BY_A_MODEL: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"

_IPTC_EXTENSION: Final = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_XMP_BASIC: Final = "http://ns.adobe.com/xap/1.0/"
_UNICODE: Final = b"UNICODE\0"


def parameters_in(file: bytes) -> str | None:
    """Returns the embedded generation parameters."""
    image = Image.open(io.BytesIO(file))
    if image.format == "PNG":
        text: str | None = image.info.get("parameters")
        return text
    comment: bytes | None = image.getexif().get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.UserComment)
    if comment is None:
        return None
    assert comment.startswith(_UNICODE)
    return comment.removeprefix(_UNICODE).decode("utf-16-be")


def source_type_in(file: bytes) -> str | None:
    """Returns the IPTC Digital Source Type."""
    return _xmp(file).findtext(f".//{{{_IPTC_EXTENSION}}}DigitalSourceType")


def tool_in(file: bytes) -> str | None:
    """Returns the XMP CreatorTool."""
    return _xmp(file).findtext(f".//{{{_XMP_BASIC}}}CreatorTool")


def holds(file: bytes, text: str) -> bool:
    """Returns whether the text is anywhere in the file, in any encoding that metadata can have."""
    return any(text.encode(encoding) in file for encoding in ("utf-8", "utf-16-be", "utf-16-le"))


def _xmp(file: bytes) -> ElementTree.Element:
    packet: bytes = Image.open(io.BytesIO(file)).info["xmp"]
    return ElementTree.fromstring(packet)
