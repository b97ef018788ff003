"""The headers by which a caller asks for a kind of answer: Prefer (RFC 7240) and Accept (RFC 9110)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from service.images.encoding import ImageFormat

MAX_WAIT_S: Final = 300.0
_WAIT: Final = re.compile(r"wait\s*=\s*(\d{1,9})", re.ASCII | re.IGNORECASE)
_QUALITY: Final = re.compile(r"(?:^|;)\s*q\s*=\s*([01](?:\.\d{0,3})?)", re.ASCII | re.IGNORECASE)
_ANSWERS: Final[Mapping[str, ImageFormat | None]] = {
    "image/png": "png",
    "image/webp": "webp",
    "image/jpeg": "jpeg",
    "image/*": "png",
    "application/json": None,
    "application/*": None,
    "*/*": None,
}
"""Maps an accepted media type to the image format of the answer; None stands for JSON."""


@dataclass(frozen=True, slots=True)
class Preference:
    wait_s: float
    """Seconds that the answer may wait for the job's end; 0 asks for an answer at once."""
    applied: str
    """Value of the header Preference-Applied; empty where the caller preferred nothing."""


NOTHING_PREFERRED: Final = Preference(0.0, "")


def preference(header: str | None) -> Preference:
    """Reads `wait=N`, in seconds and at most `MAX_WAIT_S`, or `respond-async`; it ignores other preferences.

    Both together mean the wait. The first of several waits counts.
    """
    preferred = [part.partition(";")[0].strip() for part in (header or "").split(",")]
    for match in map(_WAIT.fullmatch, preferred):
        if match:
            wait_s = min(int(match[1]), MAX_WAIT_S)
            return Preference(wait_s, f"wait={wait_s:.0f}")
    if any(each.lower() == "respond-async" for each in preferred):
        return Preference(0.0, "respond-async")
    return NOTHING_PREFERRED


def image_format(accept: str | None) -> ImageFormat | None:
    """Returns the format of an image that is to be the whole answer; None where JSON is just as welcome.

    Media types that the server does not offer are ignored.
    """
    best, best_quality = None, 0.0
    for part in (accept or "").split(","):
        media_type, _, parameters = part.partition(";")
        name = media_type.strip().lower()
        match = _QUALITY.search(parameters)
        quality = float(match[1]) if match else 1.0
        if name in _ANSWERS and quality > best_quality:  # The first of equals wins.
            best, best_quality = _ANSWERS[name], quality
    return best
