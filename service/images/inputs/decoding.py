"""Decodes an image file that a caller sent: PNG, JPEG or WebP by its content, to upright sRGB without metadata.

It runs in a process with limited memory and time (`limited_process`), so a hostile file can harm only its own decoding.
Imports Pillow and nothing of ours but `raster`.
"""

from __future__ import annotations

import io
import re
import warnings
from typing import Final

from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from service.images.inputs.raster import Raster

_FORMATS: Final = ("PNG", "JPEG", "WEBP")
_JPEG_START: Final = b"\xff\xd8\xff"
_SIGNATURES: Final = (b"\x89PNG\r\n\x1a\n", _JPEG_START, b"RIFF")
_STILL_WITH_FRAMES: Final = "MPO"
"""A JPEG with further images after the first, which cameras write. It is not an animation."""
_MAX_SCANS: Final = 64
"""Passes over the pixels of a JPEG. Encoders make ten or so, and a file of some bytes each can ask for thousands."""
_JPEG_MARKER: Final = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")
"""A marker that is no part of compressed data (ITU-T T.81, B.1.1)."""
_START_OF_SCAN: Final = b"\xda"
_END_OF_IMAGE: Final = b"\xd9"
_DAMAGED: Final = "The file is damaged or incomplete."
_SIXTEEN_BITS: Final = ("I;16", "I;16B", "I;16L", "I", "F")
_PALETTE: Final = "P"
_WITH_ALPHA: Final = ("LA", "PA", "RGBA", "RGBa", "La")


class UnreadableImageError(Exception):
    """The file is not accepted. The message is for its sender; it never repeats the content of the file."""


def decode(file: bytes, *, max_pixels: int) -> Raster:
    """Returns the pixels as a viewer shows them. Raises `UnreadableImageError`, and MemoryError."""
    if not file.startswith(_SIGNATURES):
        raise UnreadableImageError("The file is no PNG, JPEG or WebP image.")
    if file.startswith(_JPEG_START) and not _has_few_scans(file):
        raise UnreadableImageError("The file has too many scans.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # They concern metadata, which is not kept.
            with Image.open(io.BytesIO(file), formats=_FORMATS) as image:
                _check(image, max_pixels)
                image.load()
                return Raster(_normalized(image))
    except UnreadableImageError:
        raise
    except UnidentifiedImageError:
        raise UnreadableImageError("The file is no PNG, JPEG or WebP image.") from None
    except Image.DecompressionBombError:
        raise _too_large(max_pixels) from None
    except (OSError, SyntaxError, ValueError, EOFError, TypeError, KeyError, IndexError, OverflowError):
        # The errors that Pillow's decoders raise for damaged files.
        raise UnreadableImageError(_DAMAGED) from None


def _has_few_scans(file: bytes) -> bool:
    scans, place = 0, 2
    while scans <= _MAX_SCANS:
        marker = _JPEG_MARKER.search(file, place)
        if marker is None or marker[1] == _END_OF_IMAGE:
            return True
        scans += marker[1] == _START_OF_SCAN
        place = marker.end() + int.from_bytes(file[marker.end() : marker.end() + 2], "big")
    return False


def _check(image: Image.Image, max_pixels: int) -> None:
    """Judges the file by its header, before any pixel is decoded."""
    if image.width * image.height > max_pixels:
        raise _too_large(max_pixels)
    if image.format != _STILL_WITH_FRAMES and getattr(image, "n_frames", 1) > 1:
        raise UnreadableImageError("The image is animated; send a single frame.")


def _too_large(max_pixels: int) -> UnreadableImageError:
    return UnreadableImageError(f"The image has more than {max_pixels} pixels.")


def _normalized(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    alpha = _alpha(image)
    colors = _in_srgb(_colors(image), profile)
    if alpha is not None:
        colors.putalpha(alpha)
    upright = _upright(image, colors)
    upright.info.clear()
    return upright


def _alpha(image: Image.Image) -> Image.Image | None:
    """Returns the alpha channel; None where every pixel is opaque."""
    if image.mode not in _WITH_ALPHA and "transparency" not in image.info:
        return None
    alpha = image.convert("RGBA").getchannel("A")
    return None if alpha.getextrema() == (255, 255) else alpha


def _colors(image: Image.Image) -> Image.Image:
    """Returns the image without its alpha channel, in a mode to which color profiles apply: L, RGB or CMYK."""
    if image.mode in ("L", "RGB", "CMYK"):
        return image.copy()
    if image.mode in _SIXTEEN_BITS:
        return image.convert("I").point(lambda value: value / 257).convert("L")
    if image.mode in ("1", "LA", "La"):
        return image.convert("L")
    return image.convert("RGBA").convert("RGB")


def _in_srgb(colors: Image.Image, profile: bytes | None) -> Image.Image:
    """Converts by the file's color profile. A profile that cannot be used is ignored, as viewers do."""
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(colors, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
            if converted is not None:
                return converted
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            pass
    return colors.convert("RGB")


def _upright(original: Image.Image, colors: Image.Image) -> Image.Image:
    """Rotates or mirrors the image as its Exif orientation asks."""
    orientation = Image.Exif()
    try:
        orientation[_ORIENTATION] = int(original.getexif().get(_ORIENTATION, 1))
    except (OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, OverflowError):
        return colors  # Unreadable Exif data is ignored.
    colors.info["exif"] = orientation.tobytes()
    return ImageOps.exif_transpose(colors)


_ORIENTATION: Final = 0x0112
