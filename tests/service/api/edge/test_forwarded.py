"""The middleware sets a request's scheme, client, path and addresses."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from service.api.edge.addresses import Addresses, addresses_of, parse_public_url
from service.api.edge.forwarded import Forwarded
from service.api.edge.proxies import parse_trusted_proxies

PROXY = "10.0.0.2"
TOLD = {
    "X-Forwarded-For": "203.0.113.9",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "images.example",
    "X-Forwarded-Prefix": "/darkroom/",
}


async def seen(
    headers: dict[str, str],
    *,
    peer: str | None = PROXY,
    path: str = "/livez",
    public: Addresses | None = None,
    **scope: Any,
) -> Request:
    """Returns the request as the application sees it."""
    requests: list[Request] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        requests.append(Request(scope))

    async def receive() -> Message:
        raise AssertionError("nothing is read")

    async def send(message: Message) -> None:
        raise AssertionError("nothing is answered")

    middleware = Forwarded(
        app, trusted=parse_trusted_proxies("10.0.0.0/8, unix"), public=public, own_names={"v1", "api"}
    )
    await middleware(
        {
            "type": "http",
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "client": None if peer is None else (peer, 4000),
            "server": ("192.0.2.1", 8000),
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
            **scope,
        },
        receive,
        send,
    )
    return requests[0]


def facts(request: Request) -> tuple[str, str, str, str]:
    assert request.client is not None
    return request.url.scheme, request.client.host, request.scope["path"], addresses_of(request).url("/x")


@pytest.mark.parametrize("peer", [PROXY, None])
async def test_a_trusted_proxy_says_how_the_caller_sees_the_server(peer: str | None) -> None:
    request = await seen({"Host": "inner:8000", **TOLD}, peer=peer)
    assert facts(request) == ("https", "203.0.113.9", "/livez", "https://images.example/darkroom/x")


async def test_nobody_else_is_believed() -> None:
    request = await seen({"Host": "inner:8000", "Forwarded": "for=1.2.3.4;proto=https", **TOLD}, peer="198.51.100.66")
    assert facts(request) == ("http", "198.51.100.66", "/livez", "http://inner:8000/x")


async def test_forwarded_is_read_as_well() -> None:
    request = await seen({"Host": "inner", "Forwarded": "for=203.0.113.9;proto=https;host=images.example"})
    assert facts(request) == ("https", "203.0.113.9", "/livez", "https://images.example/x")


async def test_what_a_proxy_leaves_out_is_as_the_request_has_it() -> None:
    assert facts(await seen({"Host": "inner"})) == ("http", PROXY, "/livez", "http://inner/x")
    assert facts(await seen({"Host": "inner", "X-Forwarded-Proto": "https"}))[3] == "https://inner/x"


@pytest.mark.parametrize("prefix", ["//evil.example", "/..", "javascript:", "/a b", ""])
async def test_a_prefix_that_is_none_is_ignored(prefix: str) -> None:
    assert facts(await seen({"Host": "inner", "X-Forwarded-Prefix": prefix}))[3] == "http://inner/x"


@pytest.mark.parametrize(
    ("prefix", "path", "inner"),
    [
        ("/darkroom", "/livez", "/livez"),
        ("/darkroom", "/darkroom/livez", "/livez"),
        ("/darkroom", "/darkroom/darkroom/livez", "/darkroom/livez"),
        ("/darkroom", "/darkrooms/livez", "/darkrooms/livez"),
        ("/darkroom", "/darkroom", "/darkroom"),
        ("/api", "/api/v1/jobs", "/api/v1/jobs"),
    ],
)
async def test_a_prefix_is_taken_off_a_path_unless_it_could_be_the_servers_own(
    prefix: str, path: str, inner: str
) -> None:
    request = await seen({"Host": "inner", "X-Forwarded-Prefix": prefix}, path=path)
    assert (request.scope["path"], request.scope["raw_path"]) == (inner, inner.encode())


async def test_the_public_url_goes_before_what_a_request_says() -> None:
    public = parse_public_url("https://example.org/darkroom")
    request = await seen({"Host": "inner", **TOLD}, path="/darkroom/livez", public=public)
    assert facts(request) == ("https", "203.0.113.9", "/livez", "https://example.org/darkroom/x")


@pytest.mark.parametrize(
    ("server", "url"),
    [(("192.0.2.1", 8000), "http://192.0.2.1:8000/x"), (("/run/darkroom.sock", None), "http://localhost/x"),
     (None, "http://localhost/x")],
)  # fmt: skip
async def test_a_request_without_a_host_is_told_the_address_that_it_came_to(server: object, url: str) -> None:
    assert facts(await seen({}, server=server))[3] == url
