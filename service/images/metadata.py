"""Writes metadata for image files: the mark that a model made the image, and the generation parameters.

Knows both formats and their places in PNG, WebP and JPEG files. Knows no pixels and no HTTP.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from importlib.metadata import version
from types import MappingProxyType
from typing import Any, Final

from PIL.PngImagePlugin import PngInfo

from pipelines.params import GenerationParams
from pipelines.sampling.samplers import SAMPLERS
from pipelines.upscalers import UPSCALERS

VERSION: Final = f"darkroom {version('darkroom-server')}"
"""The name and version of the program in image files."""
_NO_NOTES: Final[Mapping[str, str | None]] = MappingProxyType({})

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
"""An XMP packet with the IPTC Digital Source Type `trainedAlgorithmicMedia` (IPTC Photo Metadata Standard).

It is marked read-only (`end="r"`), as the XMP specification, part 3, requires for PNG because of its checksums.
"""

_MAX_JPEG_EXIF_BYTES: Final = 65533
"""A JPEG segment has a 16-bit length, which includes the two bytes of the length itself."""

_USER_COMMENT: Final = 0x9286
_EXIF_DIRECTORY: Final = 0x8769
_LONG: Final = 4
_UNDEFINED: Final = 7
"""Exif value types: a 32-bit unsigned integer, and bytes whose format the tag defines."""


def parameters_text(params: GenerationParams, model: str, notes: Mapping[str, str | None] = _NO_NOTES) -> str:
    """Returns the parameters in the text format of AUTOMATIC1111's web UI, which many programs read.

    `notes` are further settings; they replace settings of the same name.
    """
    settings = {
        "Steps": params.steps,
        "Sampler": SAMPLERS[params.sampler].label,
        "Schedule type": params.schedule and params.schedule.capitalize(),
        "CFG scale": f"{params.guidance_scale}".removesuffix(".0"),
        "CFG Rescale": params.guidance_rescale or None,
        "Image CFG scale": f"{params.image_guidance_scale:g}" if params.image_guided else None,
        "Seed": params.seed,
        "Size": f"{params.width}x{params.height}",
        "Model": model,
        "Long prompt": params.long_prompt or None,
        **_passes(params),
        **_refiner(params),
        **notes,
        "Version": VERSION,
    }
    negative = params.negative_prompt and f"Negative prompt: {params.negative_prompt}"
    settings_line = ", ".join(f"{name}: {_quoted(str(value))}" for name, value in settings.items() if value is not None)
    return "\n".join(part for part in (params.prompt, negative, settings_line) if part)


def _passes(params: GenerationParams) -> dict[str, Any]:
    """Returns the settings of an image that starts from another one or has two passes. The other image is not named."""
    if params.image is not None:
        return {"Denoising strength": params.strength}
    if params.hires is None:
        return {}
    return {
        "Denoising strength": params.hires.strength,
        "Hires upscale": f"{params.width / params.hires.width:g}",
        "Hires steps": params.hires.steps,
        "Hires upscaler": UPSCALERS[params.hires.upscaler].label,
    }


def _refiner(params: GenerationParams) -> dict[str, Any]:
    if params.refiner is None:
        return {}
    return {"Refiner": params.refiner.model, "Refiner switch at": f"{params.refiner.switch_at:g}"}


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False) if any(character in value for character in ",:\n") else value


def png_options(parameters: str | None) -> dict[str, Any]:
    """Returns Pillow's save options for a PNG with the mark and, unless they are None, the parameters."""
    chunks = PngInfo()
    if parameters is not None:
        chunks.add_text("parameters", parameters)
    chunks.add_itxt("XML:com.adobe.xmp", _MARK)
    return {"pnginfo": chunks}


def webp_options(parameters: str | None) -> dict[str, Any]:
    """Returns Pillow's save options for a WebP with the mark and, unless they are None, the parameters."""
    return {"xmp": _MARK, "exif": b"" if parameters is None else _exif(parameters)}


def jpeg_options(parameters: str | None) -> dict[str, Any]:
    """Returns Pillow's save options for a JPEG. Parameters that are too long for the format are left out."""
    options = webp_options(parameters)
    return options if len(options["exif"]) <= _MAX_JPEG_EXIF_BYTES else webp_options(None)


def _exif(comment: str) -> bytes:
    """Returns an Exif block with one user comment in big-endian UTF-16, as AUTOMATIC1111's web UI writes it.

    Pillow would write the comment as an array of numbers, which other programs do not read as text.
    """
    value = b"UNICODE\0" + comment.encode("utf-16-be")
    header = struct.pack(">2sHL", b"MM", 42, 8)  # 8 bytes; the first directory follows
    first = _directory(_EXIF_DIRECTORY, _LONG, 1, 26)  # 18 bytes; the Exif directory follows, at 26
    exif = _directory(_USER_COMMENT, _UNDEFINED, len(value), 44)  # 18 bytes; the comment follows, at 44
    return b"Exif\0\0" + header + first + exif + value


def _directory(tag: int, kind: int, count: int, value: int) -> bytes:
    """Returns a TIFF directory of one entry. `value` is the entry's value, or the offset of a value over 4 bytes."""
    return struct.pack(">HHHLLL", 1, tag, kind, count, value, 0)
