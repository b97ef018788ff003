"""How answers are read: as results, as errors, or as answers of something that is not a Darkroom server."""

from __future__ import annotations

import httpx2
import pytest

import darkroom
from darkroom._wire import Fault, read_fault
from tests.client import answers
from tests.client.conftest import Drive


def test_an_error_carries_what_the_server_said(drive: Drive) -> None:
    driver = drive(lambda _: answers.error(429, "queue_full", "prompt", x_request_id="req_1", retry_after="3"))
    with pytest.raises(darkroom.RateLimitError, match=r"^It went wrong\.$") as caught:
        driver.generate(prompt="a red circle")
    error = caught.value
    assert (error.code, error.param, error.request_id, error.retry_after) == ("queue_full", "prompt", "req_1", 3.0)


@pytest.mark.parametrize("body", [b"", b"<html>Bad gateway</html>", b"[]", b'{"error": "no object"}', b"\xff"])
def test_an_error_answer_of_a_proxy_raises_by_its_status(drive: Drive, body: bytes) -> None:
    driver = drive(lambda _: httpx2.Response(502, content=body), max_retries=0)
    with pytest.raises(darkroom.InternalServerError, match="answered 502 Bad Gateway") as caught:
        driver.generate(prompt="a red circle")
    assert caught.value.code is None


@pytest.mark.parametrize(
    "body", [b"", b"<html>Welcome</html>", b"{}", b'{"created": 1, "data": [{"b64_json": "%%%"}]}']
)
def test_a_successful_answer_that_cannot_be_read_is_an_invalid_response(drive: Drive, body: bytes) -> None:
    driver = drive(lambda _: httpx2.Response(200, content=body))
    with pytest.raises(darkroom.InvalidResponseError, match="did not answer as a Darkroom server"):
        driver.generate(prompt="a red circle")


def test_a_redirect_is_not_followed_so_that_the_key_stays_with_its_server(drive: Drive) -> None:
    hosts: list[str] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        hosts.append(request.url.host)
        return httpx2.Response(307, headers={"location": "http://elsewhere/v1/models"})

    driver = drive(handler, base_url="http://here", api_key="secret")
    with pytest.raises(darkroom.APIStatusError, match="redirects"):
        driver.models()
    assert hosts == ["here"]


def test_a_refused_connection_is_a_connection_error_that_names_the_address(drive: Drive) -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused", request=request)

    driver = drive(handler, base_url="http://here:1", max_retries=0)
    with pytest.raises(darkroom.APIConnectionError, match=r"http://here:1 does not answer \(refused\)") as caught:
        driver.models()
    assert isinstance(caught.value.__cause__, httpx2.ConnectError)


def test_a_timeout_is_a_connection_error(drive: Drive) -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ReadTimeout("", request=request)

    with pytest.raises(darkroom.APITimeoutError, match="in time") as caught:
        drive(handler, max_retries=0).models()
    assert isinstance(caught.value, darkroom.APIConnectionError)


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('{"error": {"message": "Full.", "type": "t", "param": null, "code": "queue_full"}}', ("Full.", "queue_full")),
        ('{"error": {"message": "Full."}}', ("Full.", None)),
        ('{"message": "Full."}', None),
        ("", None),
    ],
)
def test_the_error_object_of_a_body_is_found(body: str, fault: tuple[str, str | None] | None) -> None:
    assert read_fault(body) == (None if fault is None else Fault(message=fault[0], code=fault[1]))
