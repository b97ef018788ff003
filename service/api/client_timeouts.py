"""How long a client waits for an answer, and what to tell one that waits for less than its images take.

Knows no dialect, and of the clients only what they say of themselves.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import structlog

from service.errors import ClientTimeoutError

_USUAL_S: Final = 600.0
"""The timeout of OpenAI's clients, where nobody sets another one."""
_TIMEOUT_HEADERS: Final = ("x-stainless-read-timeout", "x-stainless-timeout")
"""In these headers OpenAI's clients, in Python and in JavaScript, say after how many seconds they give up."""
_TRIES: Final = 3
"""How often they try, where nobody says otherwise. A further try finds the work of the last (`retried_requests`)."""
_MARGIN: Final = 0.5
"""From this part of the timeout on a caller is told, since others may come before it and estimates are not exact."""
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
    """Returns a sentence for a caller that waits, without a stream, for images that take at least so many seconds.

    None where they take much less than its patience. Raises `ClientTimeoutError` where the client would give up for
    good before they can be finished.
    """
    declared_s = declared_timeout_s(headers)
    takes = f"These images take about {least_s:.0f} s or more"
    if declared_s is not None and least_s > _TRIES * declared_s and "idempotency-key" not in headers:
        raise ClientTimeoutError(f"{takes}, and this client gives up after {declared_s:.0f} s. {_INSTEAD}")
    if least_s <= _MARGIN * (declared_s or _USUAL_S):
        return None
    _log.warning("a caller waits for a slow answer", least_s=round(least_s), timeout_s=declared_s, instead=_INSTEAD)
    return f"{takes}, and clients often give up after {declared_s or _USUAL_S:.0f} s. {_INSTEAD}"
