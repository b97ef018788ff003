"""Removes the generation parameters from image files that are shared, and keeps the mark that a model made them.

Works on the bytes of PNG, WebP and JPEG files that `service.images.metadata` has filled, and never touches pixels.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Final

_PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_PNG_XMP: Final = b"XML:com.adobe.xmp\0"
_PNG_TEXTS: Final = frozenset({b"tEXt", b"zTXt", b"iTXt", b"eXIf"})
_RIFF_HEAD: Final = 12
"""Bytes of "RIFF", the size and "WEBP"."""
_WEBP_HAS_EXIF: Final = 0x08
"""A flag of the chunk VP8X (RFC 9649)."""
_JPEG_START: Final = b"\xff\xd8"
_JPEG_SCAN: Final = 0xDA
"""The marker after which compressed data follow, up to the end of the file."""
_JPEG_APP1: Final = 0xE1
_JPEG_COMMENT: Final = 0xFE
_JPEG_EXIF: Final = b"Exif\0\0"


def without_parameters(file: bytes, media_type: str) -> bytes:
    """Returns the file without its generation parameters. Raises KeyError for an unknown media type."""
    return _WITHOUT[media_type](file)


def _png(file: bytes) -> bytes:
    kept = [
        chunk
        for kind, chunk in _png_chunks(file)
        if kind not in _PNG_TEXTS or (kind == b"iTXt" and bytes(chunk[8:]).startswith(_PNG_XMP))
    ]
    return b"".join([_PNG_SIGNATURE, *kept])


def _png_chunks(file: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Yields each chunk's type and its bytes: length, type, data, checksum."""
    view, place = memoryview(file), len(_PNG_SIGNATURE)
    while place < len(file):
        end = place + 12 + int.from_bytes(view[place : place + 4], "big")
        yield file[place + 4 : place + 8], view[place:end]
        place = end


def _webp(file: bytes) -> bytes:
    kept = [chunk for kind, chunk in _webp_chunks(file) if kind != b"EXIF"]
    head = struct.pack("<4sL4s", b"RIFF", sum(map(len, kept)) + 4, b"WEBP")
    return b"".join([head, *kept])


def _webp_chunks(file: bytes) -> Iterator[tuple[bytes, bytes | memoryview]]:
    """Yields each chunk's type and its bytes: type, length, data, and a padding byte if the length is odd."""
    view, place = memoryview(file), _RIFF_HEAD
    while place < len(file):
        size = int.from_bytes(view[place + 4 : place + 8], "little")
        end = place + 8 + size + size % 2
        kind = file[place : place + 4]
        yield kind, _without_exif_flag(file[place:end]) if kind == b"VP8X" else view[place:end]
        place = end


def _without_exif_flag(chunk: bytes) -> bytes:
    return chunk[:8] + bytes(flags & ~_WEBP_HAS_EXIF for flags in chunk[8:9]) + chunk[9:]


def _jpeg(file: bytes) -> bytes:
    view, place, kept = memoryview(file), len(_JPEG_START), [memoryview(_JPEG_START)]
    while place + 4 <= len(file) and file[place + 1] != _JPEG_SCAN:
        end = place + 2 + int.from_bytes(view[place + 2 : place + 4], "big")
        is_exif = file[place + 1] == _JPEG_APP1 and file.startswith(_JPEG_EXIF, place + 4)
        if not is_exif and file[place + 1] != _JPEG_COMMENT:
            kept.append(view[place:end])
        place = end
    return b"".join([*kept, view[place:]])


_WITHOUT: Final[dict[str, Callable[[bytes], bytes]]] = {"image/png": _png, "image/webp": _webp, "image/jpeg": _jpeg}
