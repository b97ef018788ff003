"""Both clients send, retry and wait alike."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import TypeAlias

import httpx2
import pytest

import darkroom
from darkroom import Retry
from tests.client import answers
from tests.client.both import Clients

Outcome: TypeAlias = Callable[[], httpx2.Response]
"""A function that returns an answer or raises the error of a connection."""


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
def test_a_temporary_failure_is_retried(connect: Clients, failure: Outcome) -> None:
    server = Server(failure, lambda: answers.images(5))
    assert connect(server).images.generate(prompt="a red circle").images[0].seed == 5
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
def test_a_permanent_failure_is_not_retried(connect: Clients, failure: Outcome) -> None:
    server = Server(failure, answers.images)
    with pytest.raises(darkroom.DarkroomError):
        connect(server).images.generate(prompt="a red circle")
    assert server.calls == 1


@pytest.mark.parametrize(("options", "calls"), [({}, 3), ({"max_retries": 0}, 1), ({"max_retries": 4}, 5)])
def test_the_last_failure_is_raised_when_no_retries_are_left(
    connect: Clients, options: dict[str, int], calls: int
) -> None:
    server = Server(fails(503))
    with pytest.raises(darkroom.InternalServerError):
        connect(server, **options).images.generate(prompt="a red circle")
    assert server.calls == calls


def test_a_stream_that_could_not_be_opened_is_retried(connect: Clients) -> None:
    server = Server(fails(429), lambda: answers.stream(answers.completed()))
    assert len(list(connect(server).images.stream(prompt="a red circle"))) == 1


def test_the_wait_is_told_before_it_begins(connect: Clients) -> None:
    retries: list[Retry] = []
    server = Server(fails(429, retry_after_ms="7"), answers.images)
    connect(server, on_retry=retries.append).images.generate(prompt="a red circle")
    assert [(retry.wait_s, retry.tries, type(retry.error)) for retry in retries] == [
        (0.007, 1, darkroom.RateLimitError)
    ]


def test_retries_write_nothing_to_the_users_log(connect: Clients, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    connect(Server(fails(503), answers.images)).images.generate(prompt="a red circle")
    assert caplog.records == []


def test_options_of_a_call_go_before_those_of_the_client(connect: Clients) -> None:
    server = Server(fails(503))
    client = connect(server, max_retries=4)
    with pytest.raises(darkroom.InternalServerError):
        client.models.list(max_retries=1)
    assert server.calls == 2


def test_headers_and_fields_of_a_call_are_added(connect: Clients) -> None:
    requests: list[httpx2.Request] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        requests.append(request)
        return answers.images()

    client = connect(handler, default_headers={"X-Team": "red"})
    client.images.generate(prompt="x", extra_headers={"X-Once": "1"}, extra_body={"new_field": 2}, timeout=3)
    (request,) = requests
    assert (request.headers["x-team"], request.headers["x-once"]) == ("red", "1")
    assert json.loads(request.content)["new_field"] == 2
    assert request.extensions["timeout"]["read"] == 3


def test_a_repeated_generation_says_which_try_it_is(connect: Clients) -> None:
    """The server then goes on with the work of a try that timed out, instead of beginning anew."""
    tries: list[tuple[str, str]] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        headers = request.headers
        tries.append((headers["x-stainless-retry-count"], headers["x-stainless-read-timeout"]))
        return answers.error(503) if len(tries) < 3 else answers.images()

    connect(handler, timeout=50).images.generate(prompt="x")
    assert tries == [("0", "50"), ("1", "50"), ("2", "50")]


def test_all_tries_of_a_submission_have_one_idempotency_key(connect: Clients) -> None:
    keys: list[str] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        keys.append(request.headers["idempotency-key"])
        return answers.error(503) if len(keys) % 2 else answers.job()

    client = connect(handler)
    client.jobs.submit(prompt="x")
    client.jobs.submit(prompt="x", idempotency_key="mine")
    assert keys[0] == keys[1] != keys[2] == keys[3] == "mine"
    assert len(keys[0]) > 20


@pytest.mark.parametrize(("statuses", "raises"), [([503, 404], False), ([404], True), ([503, 204], False)])
def test_a_deletion_that_a_lost_try_has_done_is_done(connect: Clients, statuses: list[int], *, raises: bool) -> None:
    left = iter(statuses)
    client = connect(lambda _: answers.error(next(left)))
    if raises:
        with pytest.raises(darkroom.NotFoundError):
            client.uploads.delete("a" * 64)
    else:
        client.uploads.delete("a" * 64)
    assert next(left, None) is None
