"""The retry policy as a state machine: which failures are retried, how often and after how long. Does not wait."""

from __future__ import annotations

import email.utils
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Final

from darkroom.errors import APIConnectionError, APIStatusError, DarkroomError

RETRIED_STATUSES: Final = frozenset({408, 429})
"""The statuses that are retried in addition to 500 and above."""
FIRST_WAIT_S: Final = 0.5
LONGEST_WAIT_S: Final = 8.0
"""Limit on the waits that the client chooses itself; each is twice the one before."""
LONGEST_RETRY_AFTER_S: Final = 120.0
"""Seconds. If the server asks for a longer wait, the error goes to the caller, who can decide."""
BUDGET_S: Final = 300.0
"""Seconds that the tries of one call may spend waiting for each other, in total."""


@dataclass(frozen=True, slots=True)
class Retry:
    """One more try that is about to be made."""

    error: DarkroomError
    """The error of the last try."""
    wait_s: float
    """Seconds until the next one."""
    tries: int
    """Tries that were made so far."""


@dataclass(slots=True)
class Retries:
    """The tries of one call."""

    max_retries: int
    tries: int = 0
    """Tries that have failed."""
    waited_s: float = 0.0

    def after(self, error: DarkroomError, jitter: float) -> Retry | None:
        """Return the next try, or None to give up. `jitter`, 0 to 1, shortens a wait by up to a quarter of it."""
        self.tries += 1
        if self.tries > self.max_retries or not is_temporary(error):
            return None
        wait_s = _wait_s(error, self.tries, jitter)
        if wait_s > LONGEST_RETRY_AFTER_S or self.waited_s + wait_s > BUDGET_S:
            return None
        self.waited_s += wait_s
        return Retry(error, wait_s, self.tries)


def is_temporary(error: DarkroomError) -> bool:
    """Whether another try may succeed. The server's own word goes before the status."""
    if not isinstance(error, APIStatusError):
        return isinstance(error, APIConnectionError)
    if error.should_retry is not None:
        return error.should_retry
    return error.status_code in RETRIED_STATUSES or error.status_code >= 500


def _wait_s(error: DarkroomError, tries: int, jitter: float) -> float:
    asked_s = error.retry_after if isinstance(error, APIStatusError) else None
    if asked_s is not None:
        return asked_s
    return min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(tries - 1, 10)) * (1.0 - 0.25 * jitter)


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
        moment = moment.replace(tzinfo=timezone.utc)
    return max(0.0, (moment - now).total_seconds())


def read_should_retry(headers: Mapping[str, str]) -> bool | None:
    """Return the value of `x-should-retry`, or None where it is neither true nor false."""
    return {"true": True, "false": False}.get(headers.get("x-should-retry", "").lower())
