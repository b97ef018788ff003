"""What an image's file says beside its pixels: that a model made it, and the parameters that made it.

It knows the formats of both, and where PNG, WebP and JPEG keep them as Pillow writes them; no pixels and no HTTP.
"""

from __future__ import annotations

import json
import struct
from importlib.metadata import version
from typing import Any, Final

from PIL.PngImagePlugin import PngInfo

from pipelines.params import GenerationParams
from pipelines.sampling.samplers import SAMPLERS

_VERSION: Final = version("darkroom-server")

_MARK: Final = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about=""'
    ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" xmlns:xmp="http://ns.adobe.com/xap/1.0/">'
    "<Iptc4xmpExt:DigitalSourceType>"
    "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
    "</Iptc4xmpExt:DigitalSourceType>"
    "<xmp:CreatorTool>Darkroom</xmp:CreatorTool>"
    "</rdf:Description></rdf:RDF></x:xmpmeta>"
    '<?xpacket end="r"?>'
).encode()
"""An XMP packet with the Digital Source Type of the IPTC Photo Metadata Standard: made by a trained model.

It is read-only ("r"), as a PNG's checksums require (XMP specification, part 3).
"""

_MAX_JPEG_EXIF_BYTES: Final = 65533
"""A JPEG segment counts itself and the two bytes of its length in 16 bits."""

_USER_COMMENT: Final = 0x9286
_EXIF_DIRECTORY: Final = 0x8769
_LONG: Final = 4
_UNDEFINED: Final = 7
"""Exif's types of values: a 32-bit integer, and bytes of the tag's own format."""


def parameters_text(params: GenerationParams, model: str) -> str:
    """The parameters as AUTOMATIC1111's web UI writes them into its images, which many programs read."""
    settings = {
        "Steps": params.steps,
        "Sampler": SAMPLERS[params.sampler].label,
        "Schedule type": params.schedule and params.schedule.capitalize(),
        "CFG scale": f"{params.guidance_scale}".removesuffix(".0"),
        "Seed": params.seed,
        "Size": f"{params.width}x{params.height}",
        "Model": model,
        "Version": f"darkroom {_VERSION}",
    }
    negative = params.negative_prompt and f"Negative prompt: {params.negative_prompt}"
    last = ", ".join(f"{name}: {_quoted(str(value))}" for name, value in settings.items() if value is not None)
    return "\n".join(part for part in (params.prompt, negative, last) if part)


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False) if any(mark in value for mark in ",:\n") else value


def png_options(parameters: str | None) -> dict[str, Any]:
    """Pillow's options for a PNG with the mark and, if there are any, the parameters."""
    chunks = PngInfo()
    if parameters is not None:
        chunks.add_text("parameters", parameters)
    chunks.add_itxt("XML:com.adobe.xmp", _MARK)
    return {"pnginfo": chunks}


def webp_options(parameters: str | None) -> dict[str, Any]:
    """The same for a WebP."""
    return {"xmp": _MARK, "exif": b"" if parameters is None else _exif(parameters)}


def jpeg_options(parameters: str | None) -> dict[str, Any]:
    """The same for a JPEG, which goes without parameters that are too long for its format."""
    options = webp_options(parameters)
    return options if len(options["exif"]) <= _MAX_JPEG_EXIF_BYTES else webp_options(None)


def _exif(comment: str) -> bytes:
    """An Exif block of one user comment, in big-endian UTF-16 as AUTOMATIC1111's web UI has it.

    Pillow would write the comment as an array of numbers, which other readers do not take for text.
    """
    value = b"UNICODE\0" + comment.encode("utf-16-be")
    header = struct.pack(">2sHL", b"MM", 42, 8)  # 8 bytes; the first directory follows
    first = _directory(_EXIF_DIRECTORY, _LONG, 1, 26)  # 18 bytes; the Exif directory follows, at 26
    exif = _directory(_USER_COMMENT, _UNDEFINED, len(value), 44)  # 18 bytes; the comment follows, at 44
    return b"Exif\0\0" + header + first + exif + value


def _directory(tag: int, kind: int, count: int, value: int) -> bytes:
    """A TIFF directory of one entry, whose value is small, or is the offset of a larger one."""
    return struct.pack(">HHHLLL", 1, tag, kind, count, value, 0)
