"""Which failures are tried again, how often and after how long. Decides only; `stamina` waits."""

from __future__ import annotations

import email.utils
from collections.abc import AsyncIterable, Iterable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Final, Protocol

import stamina

from darkroom.errors import APIConnectionError, APIStatusError

RETRIED_STATUSES: Final = frozenset({408, 429})
"""Beside 500 and above."""
FIRST_WAIT_S: Final = 0.5
LONGEST_WAIT_S: Final = 8.0
"""Of our own choosing; each wait doubles the one before."""
JITTER_S: Final = 0.5
LONGEST_RETRY_AFTER_S: Final = 120.0
"""A server that asks for more is not waited for: the caller gets the error, and the choice."""
NO_RETRY_AFTER_S: Final = 300.0
"""Seconds from the first attempt after which none is begun, so that a generation that ran into its own timeout is not
started all over."""


class Attempts(Iterable[AbstractContextManager[None]], AsyncIterable[AbstractContextManager[None]], Protocol):
    """Context managers to run one attempt in, each; they swallow a failure that is tried again."""


def attempts(max_retries: int) -> Attempts:
    """Attempts of one call: iterate with `for` or `async for`, which wait in between."""
    return stamina.retry_context(
        on=backoff,
        attempts=max_retries + 1,
        timeout=NO_RETRY_AFTER_S,
        wait_initial=FIRST_WAIT_S,
        wait_max=LONGEST_WAIT_S,
        wait_jitter=JITTER_S,
    )


def backoff(error: Exception) -> bool | float:
    """False to give up, True to try again after a wait of our own, or the seconds for which the server asks."""
    if not isinstance(error, APIStatusError):
        return isinstance(error, APIConnectionError)
    again = error.status_code in RETRIED_STATUSES or error.status_code >= 500
    if error.should_retry is not None:
        again = error.should_retry
    if not again or error.retry_after is None:
        return again
    return error.retry_after if error.retry_after <= LONGEST_RETRY_AFTER_S else False


def read_retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds from `retry-after-ms` or `Retry-After` (RFC 9110, 10.2.3: seconds or a date); None where unreadable."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000.0
    text = headers.get("retry-after")
    seconds = _number(text)
    return seconds if seconds is not None or text is None else _seconds_until(text, now)


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if 0.0 <= number < float("inf") else None


def _seconds_until(date: str, now: datetime) -> float | None:
    try:
        moment = email.utils.parsedate_to_datetime(date)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


def read_should_retry(headers: Mapping[str, str]) -> bool | None:
    """`x-should-retry`, where it says true or false."""
    return {"true": True, "false": False}.get(headers.get("x-should-retry", "").lower())
