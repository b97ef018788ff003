"""Which failures are retried, how often, and after how long."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeAlias

import httpx2
import pytest
import stamina
from stamina.instrumentation import RetryDetails, set_on_retry_hooks

import darkroom
from darkroom import _retries
from tests.client import answers
from tests.client.conftest import Drive

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


Outcome: TypeAlias = Callable[[], httpx2.Response]
"""Returns an answer or raises the error of a connection."""


def fails(status: int, **headers: str) -> Outcome:
    return lambda: answers.error(status, **headers)


def breaks(error: httpx2.RequestError) -> Outcome:
    def outcome() -> httpx2.Response:
        raise error

    return outcome


class Server:
    """Gives these outcomes one after another, and then the last one again and again."""

    def __init__(self, *outcomes: Outcome) -> None:
        self._outcomes = outcomes
        self.calls = 0

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        outcome = self._outcomes[min(self.calls, len(self._outcomes) - 1)]
        self.calls += 1
        return outcome()


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(fails(408), id="408"),
        pytest.param(fails(429), id="429"),
        pytest.param(fails(500), id="500"),
        pytest.param(fails(503, retry_after="1"), id="503, Retry-After"),
        pytest.param(fails(400, x_should_retry="true"), id="400, x-should-retry"),
        pytest.param(breaks(httpx2.ConnectError("refused")), id="refused"),
        pytest.param(breaks(httpx2.ReadError("cut")), id="cut"),
        pytest.param(breaks(httpx2.ReadTimeout("silence")), id="silence"),
    ],
)
def test_a_temporary_failure_is_retried(drive: Drive, failure: Outcome) -> None:
    server = Server(failure, lambda: answers.images(5))
    assert drive(server).generate(prompt="a red circle").images[0].seed == 5
    assert server.calls == 2


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(fails(400), id="400"),
        pytest.param(fails(401), id="401"),
        pytest.param(fails(404), id="404"),
        pytest.param(fails(409), id="409"),
        pytest.param(fails(500, x_should_retry="false"), id="500, x-should-retry"),
        pytest.param(fails(429, retry_after="121"), id="429, long Retry-After"),
        pytest.param(lambda: httpx2.Response(200, content=b"nonsense"), id="nonsense"),
    ],
)
def test_a_permanent_failure_is_not_retried(drive: Drive, failure: Outcome) -> None:
    server = Server(failure, answers.images)
    with pytest.raises(darkroom.DarkroomError):
        drive(server).generate(prompt="a red circle")
    assert server.calls == 1


@pytest.mark.parametrize(("options", "calls"), [({}, 3), ({"max_retries": 0}, 1), ({"max_retries": 4}, 5)])
def test_the_last_failure_is_raised_when_no_retries_are_left(drive: Drive, options: dict[str, int], calls: int) -> None:
    server = Server(fails(503))
    with pytest.raises(darkroom.InternalServerError):
        drive(server, **options).generate(prompt="a red circle")
    assert server.calls == calls


def test_a_stream_that_could_not_be_opened_is_retried(drive: Drive) -> None:
    server = Server(fails(429), lambda: answers.stream(answers.completed()))
    assert len(drive(server).stream(prompt="a red circle")) == 1


def test_the_client_waits_as_long_as_the_server_asks_for(drive: Drive) -> None:
    waits: list[float] = []

    def record(details: RetryDetails) -> None:
        waits.append(details.wait_for)

    set_on_retry_hooks([record])
    try:
        with stamina.set_testing(False):
            drive(Server(fails(429, retry_after_ms="7"), answers.images)).generate(prompt="a red circle")
    finally:
        set_on_retry_hooks(None)
    assert waits == [0.007]


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
    assert _retries.read_retry_after(headers, NOW) == seconds


@pytest.mark.parametrize(("retry_after", "decision"), [(None, True), (0.0, 0.0), (120.0, 120.0), (120.1, False)])
def test_the_client_waits_up_to_two_minutes_for_the_server(retry_after: float | None, decision: bool | float) -> None:
    error = darkroom.RateLimitError("full", status_code=429, retry_after=retry_after)
    decided = _retries.backoff(error)
    assert (decided, type(decided)) == (decision, type(decision))
