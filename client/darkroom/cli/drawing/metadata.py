"""Reads what image files say about how they were made: AUTOMATIC1111's text, which Darkroom writes, and the AI mark.

PNG files have the text in a chunk named `parameters`, WebP and JPEG files in Exif's user comment.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from PIL import Image

_EXIF_DIRECTORY: Final = 0x8769
_USER_COMMENT: Final = 0x9286
_AI_MARK: Final = "trainedAlgorithmicMedia"
"""The IPTC Digital Source Type of images that a model made."""
_SETTING: Final = re.compile(r'\s*([^:,]+):\s*("(?:\\.|[^"\\])*"|[^,]*)(?:,|$)')
_SETTINGS_START: Final = "Steps: "
_NEGATIVE_START: Final = "Negative prompt: "


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters with which an image was made. `settings` have the names and the texts of the file."""

    prompt: str
    negative: str | None = None
    settings: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FileInfo:
    """The facts in an image file. `parameters` is None where the file holds none."""

    path: Path
    format: str
    width: int
    height: int
    is_marked_as_ai: bool
    text: str | None
    parameters: Parameters | None


def read_info(path: Path) -> FileInfo:
    """Return the facts in an image file. Raises `OSError` where it cannot be read or is no image."""
    with Image.open(path) as image:
        text = _parameters_text(image)
        return FileInfo(
            path=path,
            format=image.format or "",
            width=image.width,
            height=image.height,
            is_marked_as_ai=_AI_MARK in _xmp(image),
            text=text,
            parameters=None if text is None else parse_parameters(text),
        )


def _parameters_text(image: Image.Image) -> str | None:
    chunk = image.info.get("parameters")
    if isinstance(chunk, str):
        return chunk
    comment = image.getexif().get_ifd(_EXIF_DIRECTORY).get(_USER_COMMENT)
    return read_user_comment(comment) if isinstance(comment, bytes) else None


def read_user_comment(comment: bytes) -> str | None:
    """Return Exif's user comment as text. Its first eight bytes name its encoding; None for an unknown one."""
    encoding, content = comment[:8], comment[8:]
    if encoding == b"UNICODE\0":
        is_little_endian = content[1:2] == b"\0"
        return content.decode("utf-16-le" if is_little_endian else "utf-16-be", errors="replace").rstrip("\0")
    if encoding == b"ASCII\0\0\0":
        return content.decode("ascii", errors="replace").rstrip("\0")
    return None


def _xmp(image: Image.Image) -> str:
    packet = image.info.get("XML:com.adobe.xmp", image.info.get("xmp", ""))
    return packet.decode(errors="replace") if isinstance(packet, bytes) else str(packet)


def parse_parameters(text: str) -> Parameters:
    """Return the prompt, the negative prompt and the settings of a text in AUTOMATIC1111's format."""
    lines = text.split("\n")
    settings = {}
    if lines[-1].startswith(_SETTINGS_START):
        settings = {name.strip(): _unquoted(value) for name, value in _SETTING.findall(lines.pop())}
    negative = next((number for number, line in enumerate(lines) if line.startswith(_NEGATIVE_START)), None)
    if negative is None:
        return Parameters("\n".join(lines), None, settings)
    after = "\n".join(lines[negative:]).removeprefix(_NEGATIVE_START)
    return Parameters("\n".join(lines[:negative]), after, settings)


def _unquoted(value: str) -> str:
    try:
        text = json.loads(value) if value.startswith('"') else value
    except ValueError:
        return value
    return str(text).strip()
