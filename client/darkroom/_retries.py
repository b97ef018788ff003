"""The retry policy: which failures are retried, how often and after how long. `stamina` does the waiting."""

from __future__ import annotations

import email.utils
from collections.abc import AsyncIterable, Iterable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Final, Protocol

import stamina

from darkroom.errors import APIConnectionError, APIStatusError

RETRIED_STATUSES: Final = frozenset({408, 429})
"""Retried in addition to 500 and above."""
FIRST_WAIT_S: Final = 0.5
LONGEST_WAIT_S: Final = 8.0
"""Limit on the waits that the client chooses itself; each is twice the one before."""
JITTER_S: Final = 0.5
LONGEST_RETRY_AFTER_S: Final = 120.0
"""Where the server asks for a longer wait, the caller gets the error and can decide."""
NO_RETRY_AFTER_S: Final = 300.0
"""Seconds since the first attempt after which no further attempt starts. A generation that ran into the read timeout is
therefore not started again."""


class Attempts(Iterable[AbstractContextManager[None]], AsyncIterable[AbstractContextManager[None]], Protocol):
    """Yields a context manager for each attempt, which suppresses the exception of an attempt that will be retried."""


def attempts(max_retries: int) -> Attempts:
    """Return the attempts of one call. Iterate with `for` or `async for`; iteration waits between attempts."""
    return stamina.retry_context(
        on=backoff,
        attempts=max_retries + 1,
        timeout=NO_RETRY_AFTER_S,
        wait_initial=FIRST_WAIT_S,
        wait_max=LONGEST_WAIT_S,
        wait_jitter=JITTER_S,
    )


def backoff(error: Exception) -> bool | float:
    """Return False to give up, True to retry after the client's own wait, or the seconds that the server asks for."""
    if not isinstance(error, APIStatusError):
        return isinstance(error, APIConnectionError)
    should_retry = error.status_code in RETRIED_STATUSES or error.status_code >= 500
    if error.should_retry is not None:
        should_retry = error.should_retry
    if not should_retry or error.retry_after is None:
        return should_retry
    return error.retry_after if error.retry_after <= LONGEST_RETRY_AFTER_S else False


def read_retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds that `retry-after-ms` or `Retry-After` ask for, or None where neither can be read.

    `Retry-After` is a number of seconds or a date (RFC 9110, section 10.2.3).
    """
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
    """Return the value of `x-should-retry`, or None where it is neither true nor false."""
    return {"true": True, "false": False}.get(headers.get("x-should-retry", "").lower())
