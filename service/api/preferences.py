"""What a caller says in headers of the answer that it would like: RFC 7240's Prefer, RFC 9110's Accept."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, cast

from service.images.encoding import ImageFormat

MAX_WAIT_S: Final = 300.0
_WAIT: Final = re.compile(r"wait\s*=\s*(\d{1,9})", re.ASCII | re.IGNORECASE)
_QUALITY: Final = re.compile(r"q\s*=\s*([01](?:\.\d{0,3})?)", re.ASCII | re.IGNORECASE)
_IMAGES: Final = {"image/png": "png", "image/webp": "webp", "image/jpeg": "jpeg"}


@dataclass(frozen=True, slots=True)
class Preference:
    wait_s: float
    """How long the answer may wait for the job's end; 0 for an answer at once."""
    applied: str
    """The header Preference-Applied; empty where nothing was preferred."""


def preference(header: str | None) -> Preference:
    """`wait=N` in seconds, `MAX_WAIT_S` at the most, or `respond-async`; what else it says is ignored."""
    for part in (header or "").split(","):
        preferred = part.partition(";")[0].strip()
        if match := _WAIT.fullmatch(preferred):
            wait_s = min(int(match[1]), MAX_WAIT_S)
            return Preference(wait_s, f"wait={wait_s:.0f}")
        if preferred.lower() == "respond-async":
            return Preference(0.0, "respond-async")
    return Preference(0.0, "")


def image_format(accept: str | None) -> ImageFormat | None:
    """The picture format that is to be the whole answer; None where JSON is as welcome.

    image/* means PNG.
    """
    best, best_quality = None, 0.0
    for part in (accept or "").split(","):
        media_type, _, parameters = part.partition(";")
        match = _QUALITY.search(parameters)
        quality = float(match[1]) if match else 1.0
        if quality > best_quality:  # Of equals the first.
            best, best_quality = media_type.strip().lower(), quality
    return cast(ImageFormat | None, _IMAGES.get("image/png" if best == "image/*" else best or ""))
