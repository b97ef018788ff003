"""The retry policy: which failures are retried, how often, and after how long."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from darkroom import APIConnectionError, APIStatusError, DarkroomError, InternalServerError, RateLimitError
from darkroom._core.retries import BUDGET_S, LONGEST_WAIT_S, Retries, is_temporary, read_retry_after

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


def waits(retries: Retries, error: DarkroomError, jitter: float = 0.0) -> list[float]:
    """The waits between the tries of a call that always fails."""
    found: list[float] = []
    while (retry := retries.after(error, jitter)) is not None:
        found.append(retry.wait_s)
    return found


def full(retry_after: float | None = None) -> RateLimitError:
    return RateLimitError("full", status_code=429, retry_after=retry_after)


def test_waits_are_doubled_up_to_a_limit() -> None:
    assert waits(Retries(7), APIConnectionError("lost")) == [0.5, 1, 2, 4, 8, 8, 8]
    assert waits(Retries(2000), APIConnectionError("lost"))[-1] == LONGEST_WAIT_S


def test_jitter_shortens_a_wait_by_a_quarter_at_most() -> None:
    assert waits(Retries(1), full(), jitter=1.0) == [0.375]


def test_the_server_decides_how_long_to_wait() -> None:
    assert waits(Retries(2), full(3.0), jitter=1.0) == [3.0, 3.0]


@pytest.mark.parametrize(("retry_after", "count"), [(0.0, 1), (120.0, 1), (120.1, 0)])
def test_the_client_waits_up_to_two_minutes_for_the_server(retry_after: float, count: int) -> None:
    assert len(waits(Retries(1), full(retry_after))) == count


def test_the_waits_of_a_call_have_a_budget() -> None:
    waited = waits(Retries(1000), full(70.0))
    assert sum(waited) <= BUDGET_S < sum(waited) + 70.0


def test_a_retry_tells_what_failed_and_how_often() -> None:
    retries, error = Retries(3), full(1.0)
    retries.after(error, 0.0)
    retry = retries.after(error, 0.0)
    assert retry is not None
    assert (retry.error, retry.tries) == (error, 2)


@pytest.mark.parametrize(
    ("error", "temporary"),
    [
        (APIConnectionError("lost"), True),
        (InternalServerError("x", status_code=503), True),
        (InternalServerError("x", status_code=500, should_retry=False), False),
        (APIStatusError("x", status_code=408), True),
        (APIStatusError("x", status_code=409), False),
        (APIStatusError("x", status_code=409, should_retry=True), True),
        (DarkroomError("x"), False),
    ],
)
def test_the_servers_word_goes_before_the_status(error: DarkroomError, *, temporary: bool) -> None:
    assert is_temporary(error) is temporary


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "Thu, 01 Jan 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Thu, 01 Jan 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(headers: dict[str, str], seconds: float | None) -> None:
    assert read_retry_after(headers, NOW) == seconds
