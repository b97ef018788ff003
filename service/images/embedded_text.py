"""Reads the text about generation parameters that an image's file holds, without decoding the image.

PNG files have it in a text chunk named `parameters` (tEXt, zTXt or iTXt), JPEG and WebP files in Exif's user comment.
The file may come from anybody: only its lengths are followed, in plain Python, and the text is bounded.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Final

from service.images.inputs.decoding import UnreadableImageError

MAX_TEXT_BYTES: Final = 1 << 18
_MAX_PARTS: Final = 10_000
"""Maximum number of parts of a file that are read. No program writes as many before the parameters."""
_KEYWORD: Final = b"parameters"
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_TEXT_CHUNKS: Final = (b"tEXt", b"zTXt", b"iTXt")
_EXIF: Final = b"Exif\0\0"
_EXIF_DIRECTORY: Final = 0x8769
_USER_COMMENT: Final = 0x9286
_MARKERS_WITHOUT_LENGTH: Final = (0x01, *range(0xD0, 0xD8))
_START_OF_SCAN: Final = 0xDA


def embedded_text(file: bytes) -> str | None:
    """Returns the text, at most `MAX_TEXT_BYTES` of it; None where the file holds none or is damaged before it.

    Raises `UnreadableImageError` for a file that is not PNG, JPEG or WebP.
    """
    try:
        if file.startswith(_PNG):
            return _from_png(file)
        if file.startswith(b"\xff\xd8\xff"):
            return _from_exif(_jpeg_exif(file))
        if file.startswith(b"RIFF") and file[8:12] == b"WEBP":
            return _from_exif(_webp_exif(file))
    except (struct.error, zlib.error, IndexError):
        return None
    raise UnreadableImageError("The file is no PNG, JPEG or WebP image.")


def _from_png(file: bytes) -> str | None:
    for kind, data in _png_chunks(file):
        keyword, _, rest = data.partition(b"\0")
        if keyword != _KEYWORD:
            continue
        if kind == b"tEXt":
            return rest[:MAX_TEXT_BYTES].decode("latin-1")
        if kind == b"zTXt":
            return _inflated(rest[1:]).decode("latin-1")
        if kind == b"iTXt":
            _, _, text = rest[2:].split(b"\0", 2) if rest[2:].count(b"\0") > 1 else (b"", b"", b"")
            return (_inflated(text) if rest[:1] == b"\1" else text[:MAX_TEXT_BYTES]).decode("utf-8", "replace")
    return None


def _png_chunks(file: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yields each chunk's kind and, for text chunks, its data."""
    place = len(_PNG)
    for _ in range(_MAX_PARTS):
        length, kind = struct.unpack_from(">I4s", file, place)
        start = place + 8
        yield kind, file[start : start + length] if kind in _TEXT_CHUNKS else b""
        place = start + length + 4


def _inflated(data: bytes) -> bytes:
    return zlib.decompressobj().decompress(data, MAX_TEXT_BYTES)


def _jpeg_exif(file: bytes) -> bytes:
    """Returns the Exif block; empty where there is none before the pixels."""
    place = 2
    for _ in range(_MAX_PARTS):
        mark, marker = file[place], file[place + 1]
        if mark != 0xFF or marker == _START_OF_SCAN:
            break
        if marker in _MARKERS_WITHOUT_LENGTH:
            place += 2
            continue
        (length,) = struct.unpack_from(">H", file, place + 2)
        if marker == 0xE1 and file.startswith(_EXIF, place + 4):
            return file[place + 4 + len(_EXIF) : place + 2 + length]
        place += 2 + length
    return b""


def _webp_exif(file: bytes) -> bytes:
    place = 12
    for _ in range(_MAX_PARTS):
        kind, length = struct.unpack_from("<4sI", file, place)
        if kind == b"EXIF":
            return file[place + 8 : place + 8 + length].removeprefix(_EXIF)
        place += 8 + length + length % 2
    return b""


def _from_exif(exif: bytes) -> str | None:
    """Returns the user comment of a TIFF structure (Exif 2.32, section 4.6), or None."""
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None:
        return None
    (first,) = struct.unpack_from(f"{order}I", exif, 4)
    directory = _entry(exif, order, first, _EXIF_DIRECTORY)
    comment = None if directory is None else _entry(exif, order, directory[1], _USER_COMMENT)
    if comment is None:
        return None
    length, start = comment
    return _decoded(exif[start : start + min(length, MAX_TEXT_BYTES)])


def _entry(exif: bytes, order: str, place: int, tag: int) -> tuple[int, int] | None:
    """Returns the count and the value of a directory's entry, or None without such an entry."""
    (entries,) = struct.unpack_from(f"{order}H", exif, place)
    for number in range(entries):
        found, _, count, value = struct.unpack_from(f"{order}HHII", exif, place + 2 + 12 * number)
        if found == tag:
            return count, value
    return None


def _decoded(comment: bytes) -> str | None:
    """Decodes a user comment, whose first eight bytes name its encoding. Programs write UTF-16 in either order."""
    encoding, content = comment[:8], comment[8:]
    if encoding == b"UNICODE\0":
        is_little_endian = content[1:2] == b"\0" and content[:1] != b"\0"
        return content.decode("utf-16-le" if is_little_endian else "utf-16-be", "replace").rstrip("\0")
    if encoding == b"ASCII\0\0\0":
        return content.decode("ascii", "replace").rstrip("\0")
    return None
