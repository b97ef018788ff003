"""The clients are created, copied, shown and closed, and send requests."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2

from darkroom import AsyncDarkroom, Darkroom, __version__
from darkroom.results.server import RequestLimits
from tests.client import answers
from tests.client.both import Clients


def client(**options: Any) -> Darkroom:
    http = httpx2.Client(transport=httpx2.MockTransport(lambda _: answers.images()))
    return Darkroom(http_client=http, **options)


def test_the_key_is_not_shown() -> None:
    made = client(api_key="secret")
    assert repr(made) == "Darkroom(base_url='http://127.0.0.1:8000', api_key='***')"
    assert "secret" not in f"{made} {made._transport.options!r} {made.images!r}"


def test_a_copy_has_the_given_options_and_shares_the_connections() -> None:
    made = client(api_key="secret", base_url="http://here")
    copy = made.with_options(timeout=3, max_retries=7, base_url="http://there")
    assert (copy._transport.options.timeout.read, copy._transport.options.max_retries) == (3, 7)
    assert (copy.base_url, copy._transport.options.api_key) == ("http://there", "secret")
    assert (made.base_url, made._transport.options.max_retries) == ("http://here", 2)
    copy.close()
    assert len(made.images.generate(prompt="a red circle").images) == 1


def test_closing_leaves_a_given_http_client_open() -> None:
    http = httpx2.Client(transport=httpx2.MockTransport(lambda _: answers.images()))
    with Darkroom(http_client=http):
        pass
    assert not http.is_closed
    http.close()


def test_closing_closes_the_clients_own_http_client() -> None:
    with Darkroom() as made:
        http = made._http
    assert http.is_closed


def test_closing_an_async_client_closes_its_own_http_client() -> None:
    async def use() -> bool:
        async with AsyncDarkroom() as made:
            http = made._http
        return http.is_closed

    assert asyncio.run(use())


def test_a_request_carries_the_version_and_the_key(connect: Clients) -> None:
    requests: list[httpx2.Request] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        requests.append(request)
        return answers.images()

    connect(handler, api_key="secret").images.generate(prompt="a red circle")
    connect(handler).images.generate(prompt="a red circle")
    assert [request.headers.get("authorization") for request in requests] == ["Bearer secret", None]
    assert {request.headers["user-agent"] for request in requests} == {f"darkroom-client/{__version__}"}


def test_a_copy_keeps_headers_and_hooks_and_adds_to_them() -> None:
    made = client(default_headers={"X-Team": "red"}, on_retry=print)
    options = made.with_options(default_headers={"X-Task": "1"})._transport.options
    assert (options.default_headers, options.on_retry) == ({"X-Team": "red", "X-Task": "1"}, print)


def test_an_address_as_users_of_openai_paste_it_is_tolerated(connect: Clients) -> None:
    paths: list[str] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        paths.append(str(request.url))
        return answers.images()

    connect(handler, base_url="http://here/v1").images.generate(prompt="a red circle")
    assert paths == ["http://here/v1/images/generations"]


def test_capabilities_are_read_with_and_without_the_raw_response(connect: Clients) -> None:
    body = {
        "models": [],
        "samplers": [],
        "schedules": ["karras"],
        "output_formats": ["png"],
        "limits": dict.fromkeys(RequestLimits.model_json_schema()["properties"], 1),
        "features": ["events"],
    }
    made = connect(lambda _: httpx2.Response(200, json=body, headers={"X-Request-Id": "req_1"}))
    assert made.capabilities().features == ["events"]
    assert made.capabilities().limits.max_images_per_job == 1
    raw = made.with_raw_response.capabilities()
    assert (raw.request_id, raw.parse().schedules) == ("req_1", ["karras"])


def test_every_group_of_methods_has_raw_responses(connect: Clients) -> None:
    made = connect(lambda _: answers.images()).with_raw_response
    for group, method in (("images", "edit"), ("jobs", "submit"), ("models", "list"), ("uploads", "create")):
        assert callable(getattr(getattr(made, group), method))
