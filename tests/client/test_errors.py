"""Answers and silences that raise, and what the errors know."""

from __future__ import annotations

import httpx2
import pytest

import darkroom
from tests.client import answers
from tests.client.conftest import Drive

CLASSES = [
    (400, darkroom.BadRequestError),
    (401, darkroom.AuthenticationError),
    (403, darkroom.PermissionDeniedError),
    (404, darkroom.NotFoundError),
    (409, darkroom.ConflictError),
    (418, darkroom.APIStatusError),
    (422, darkroom.UnprocessableEntityError),
    (429, darkroom.RateLimitError),
    (500, darkroom.InternalServerError),
    (503, darkroom.InternalServerError),
]


@pytest.mark.parametrize(("status", "kind"), CLASSES)
def test_each_status_raises_its_class(drive: Drive, status: int, kind: type[darkroom.APIStatusError]) -> None:
    driver = drive(lambda _: answers.error(status), max_retries=0)
    with pytest.raises(darkroom.APIStatusError) as caught:
        driver.generate(prompt="a red circle")
    assert type(caught.value) is kind
    assert caught.value.status_code == status


def test_an_error_knows_what_the_server_said(drive: Drive) -> None:
    driver = drive(lambda _: answers.error(429, "queue_full", "prompt", x_request_id="req_1", retry_after="3"))
    with pytest.raises(darkroom.RateLimitError, match=r"^It went wrong\.$") as caught:
        driver.generate(prompt="a red circle")
    error = caught.value
    assert (error.code, error.param, error.request_id, error.retry_after) == ("queue_full", "prompt", "req_1", 3.0)


@pytest.mark.parametrize("body", [b"", b"<html>Bad gateway</html>", b"[]", b'{"error": "no object"}', b"\xff"])
def test_a_body_that_is_not_the_servers_is_no_obstacle(drive: Drive, body: bytes) -> None:
    driver = drive(lambda _: httpx2.Response(502, content=body), max_retries=0)
    with pytest.raises(darkroom.InternalServerError, match="answered 502 Bad Gateway") as caught:
        driver.generate(prompt="a red circle")
    assert caught.value.code is None


@pytest.mark.parametrize(
    "body", [b"", b"<html>Welcome</html>", b"{}", b'{"created": 1, "data": [{"b64_json": "%%%"}]}']
)
def test_a_success_that_cannot_be_read_is_an_error_of_its_own(drive: Drive, body: bytes) -> None:
    driver = drive(lambda _: httpx2.Response(200, content=body))
    with pytest.raises(darkroom.InvalidResponseError, match="did not answer as a Darkroom server"):
        driver.generate(prompt="a red circle")


def test_a_redirect_is_not_followed_and_the_key_stays_where_it_belongs(drive: Drive) -> None:
    asked: list[str] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.url.host)
        return httpx2.Response(307, headers={"location": "http://elsewhere/v1/models"})

    driver = drive(handler, base_url="http://here", api_key="secret")
    with pytest.raises(darkroom.APIStatusError, match="redirects"):
        driver.models()
    assert asked == ["here"]


def test_nobody_at_the_address_is_a_connection_error_that_names_it(drive: Drive) -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused", request=request)

    driver = drive(handler, base_url="http://here:1", max_retries=0)
    with pytest.raises(darkroom.APIConnectionError, match=r"http://here:1 does not answer \(refused\)") as caught:
        driver.models()
    assert isinstance(caught.value.__cause__, httpx2.ConnectError)


def test_silence_is_a_timeout_which_is_a_connection_error(drive: Drive) -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ReadTimeout("", request=request)

    with pytest.raises(darkroom.APITimeoutError, match="in time") as caught:
        drive(handler, max_retries=0).models()
    assert isinstance(caught.value, darkroom.APIConnectionError)
