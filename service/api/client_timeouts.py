"""Warns or refuses a client whose timeout is shorter than the time that its images take.

Knows no dialect, and about a client only the timeout that it declares.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import structlog

from service.errors import ClientTimeoutError

_DEFAULT_TIMEOUT_S: Final = 600.0
"""The default timeout of OpenAI's clients."""
_TIMEOUT_HEADERS: Final = ("x-stainless-read-timeout", "x-stainless-timeout")
"""In these headers OpenAI's clients, in Python and in JavaScript, say after how many seconds they give up."""
_TRIES: Final = 3
"""The number of times that these clients try by default. Each try finds the work of the one before
(`retried_requests`)."""
_WARNING_SHARE: Final = 0.5
"""Share of the timeout beyond which a caller is warned: estimates are inexact, and other jobs may go first."""
_INSTEAD: Final = 'Set "stream" to true, or use POST /api/v1/jobs.'

_log = structlog.get_logger("darkroom.api")


def declared_timeout_s(headers: Mapping[str, str]) -> float | None:
    """Returns the seconds after which the client says that it gives up, or None."""
    for name in _TIMEOUT_HEADERS:
        try:
            seconds = float(headers.get(name, ""))
        except ValueError:
            continue
        if 0 < seconds < math.inf:
            return seconds
    return None


def advice(headers: Mapping[str, str], least_s: float) -> str | None:
    """Returns a warning for a caller that waits, without a stream, for images that take at least `least_s` seconds.

    None where its timeout is much longer. Raises `ClientTimeoutError` where the client would give up for good before
    the images can be finished.
    """
    declared_s = declared_timeout_s(headers)
    takes = f"These images take about {least_s:.0f} s or more"
    if declared_s is not None and least_s > _TRIES * declared_s and "idempotency-key" not in headers:
        raise ClientTimeoutError(f"{takes}, and this client gives up after {declared_s:.0f} s. {_INSTEAD}")
    if least_s <= _WARNING_SHARE * (declared_s or _DEFAULT_TIMEOUT_S):
        return None
    _log.warning("a caller waits for a slow answer", least_s=round(least_s), timeout_s=declared_s, instead=_INSTEAD)
    return f"{takes}, and clients often give up after {declared_s or _DEFAULT_TIMEOUT_S:.0f} s. {_INSTEAD}"
