"""Answers are read as results, as errors, or as those of something that is not a Darkroom server."""

from __future__ import annotations

import httpx2
import pytest

import darkroom
from darkroom._core.decoding import Fault, read_fault, status_error
from tests.client import answers
from tests.client.both import Clients


def test_an_error_carries_what_the_server_said(connect: Clients) -> None:
    client = connect(lambda _: answers.error(429, "quota_exceeded", "prompt", x_request_id="req_1", retry_after="3"))
    with pytest.raises(darkroom.RateLimitError, match=r"^It went wrong\.$") as caught:
        client.images.generate(prompt="a red circle")
    error = caught.value
    assert (error.code, error.param, error.request_id, error.retry_after) == ("quota_exceeded", "prompt", "req_1", 3.0)


@pytest.mark.parametrize("body", [b"", b"<html>Bad gateway</html>", b"[]", b'{"error": "no object"}', b"\xff"])
def test_an_error_answer_of_a_proxy_raises_by_its_status(connect: Clients, body: bytes) -> None:
    client = connect(lambda _: httpx2.Response(502, content=body), max_retries=0)
    with pytest.raises(darkroom.InternalServerError, match="answered 502 Bad Gateway") as caught:
        client.images.generate(prompt="a red circle")
    assert caught.value.code is None


@pytest.mark.parametrize(
    "body", [b"", b"<html>Welcome</html>", b"{}", b'{"created": 1, "data": [{"b64_json": "%%%"}]}']
)
def test_a_successful_answer_that_cannot_be_read_is_an_invalid_response(connect: Clients, body: bytes) -> None:
    client = connect(lambda _: httpx2.Response(200, content=body))
    with pytest.raises(darkroom.InvalidResponseError, match="did not answer as a Darkroom server"):
        client.images.generate(prompt="a red circle")


def test_a_redirect_is_not_followed_so_that_the_key_stays_with_its_server(connect: Clients) -> None:
    hosts: list[str] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        hosts.append(request.url.host)
        return httpx2.Response(307, headers={"location": "http://elsewhere/v1/models"})

    client = connect(handler, base_url="http://here", api_key="secret")
    with pytest.raises(darkroom.RedirectError, match="base_url") as caught:
        client.models.list()
    assert hosts == ["here"]
    assert caught.value.location == "http://elsewhere/v1/models"


def test_the_address_of_a_redirect_is_a_whole_one(connect: Clients) -> None:
    client = connect(lambda _: httpx2.Response(308, headers={"location": "/v2/models"}), base_url="http://here")
    with pytest.raises(darkroom.RedirectError) as caught:
        client.models.list()
    assert caught.value.location == "http://here/v2/models"


def test_a_refused_connection_is_a_connection_error_that_names_the_address(connect: Clients) -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused", request=request)

    client = connect(handler, base_url="http://here:1", max_retries=0)
    with pytest.raises(darkroom.APIConnectionError, match=r"http://here:1 does not answer \(refused\)") as caught:
        client.models.list()
    assert isinstance(caught.value.__cause__, httpx2.ConnectError)


def test_a_timeout_is_a_connection_error(connect: Clients) -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ReadTimeout("", request=request)

    with pytest.raises(darkroom.APITimeoutError, match="in time") as caught:
        connect(handler, max_retries=0).models.list()
    assert isinstance(caught.value, darkroom.APIConnectionError)


NAMES = {"num_inference_steps": "steps", "width": "size"}


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (
            {"error": {"message": "Full.", "type": "t", "param": None, "code": "queue_full"}},
            Fault("Full.", "queue_full"),
        ),
        ({"error": {"message": "Full."}}, Fault("Full.")),
        (
            {"error": {"message": "num_inference_steps: Too many.", "param": "num_inference_steps", "code": "c"}},
            Fault("steps: Too many.", "c", "steps"),
        ),
        ({"error": {"message": "Too many.", "param": "n", "code": "c"}}, Fault("Too many.", "c", "n")),
        ({"detail": "Gone.", "code": "gone", "errors": []}, Fault("Gone.", "gone")),
        ({"detail": "Not Found"}, Fault("Not Found")),
        (
            {
                "detail": "The body is not valid.",
                "code": "c",
                "errors": [
                    {"pointer": "/hires/num~1steps", "detail": "Too few."},
                    {"pointer": "/width", "detail": "Too wide."},
                ],
            },
            Fault("hires.num/steps: Too few. size: Too wide.", "c", "hires"),
        ),
        ({"detail": "No.", "errors": [{"pointer": "", "detail": "Not an object."}]}, Fault("Not an object.")),
        ({"detail": "No.", "errors": ["odd"]}, Fault("No.")),
        ({"detail": [{"loc": ["body"]}]}, None),
        ({"message": "Full."}, None),
        ([], None),
        ("", None),
    ],
    ids=str,
)
def test_both_shapes_of_errors_are_read_and_name_the_argument(body: object, fault: Fault | None) -> None:
    assert read_fault(body, NAMES) == fault


def test_an_error_keeps_the_body_of_the_answer() -> None:
    error = status_error(answers.problem(422, ("/num_inference_steps", "Too many.")), NAMES)
    assert isinstance(error.body, dict)
    assert error.body["errors"] == [{"pointer": "/num_inference_steps", "detail": "Too many."}]
    assert (error.param, error.message, error.code) == ("steps", "steps: Too many.", "invalid_value")
    assert status_error(httpx2.Response(502, text="<html>")).body == "<html>"
