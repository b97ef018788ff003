"""The server's addresses as its callers know them."""

from __future__ import annotations

import pytest
from starlette.requests import Request
from starlette.types import Scope

from service.api.edge.addresses import Addresses, addresses_of, is_prefix, parse_public_url, remember
from service.api.edge.hosts import Authority


def test_a_path_keeps_scheme_and_host_and_a_url_names_them() -> None:
    plain = Addresses("http", Authority("::1", 8000))
    below = Addresses("https", Authority("images.example", 443), "/darkroom")
    assert (plain.path("/v1/models"), plain.url("/v1/models")) == ("/v1/models", "http://[::1]:8000/v1/models")
    assert below.path("/v1/models") == "/darkroom/v1/models"
    assert below.url("/v1/models") == "https://images.example/darkroom/v1/models"


def test_a_route_finds_the_addresses_that_were_remembered() -> None:
    scope: Scope = {"type": "http"}
    addresses = Addresses("http", Authority("localhost", None))
    remember(scope, addresses)
    assert addresses_of(Request(scope)) is addresses


@pytest.mark.parametrize(
    ("url", "addresses"),
    [
        ("https://images.example", Addresses("https", Authority("images.example", None))),
        ("http://[2001:db8::1]:8000/", Addresses("http", Authority("2001:db8::1", 8000))),
        ("https://example.org/a/dark-room/", Addresses("https", Authority("example.org", None), "/a/dark-room")),
    ],
)
def test_a_public_url_is_read(url: str, addresses: Addresses) -> None:
    assert parse_public_url(url) == addresses


@pytest.mark.parametrize(
    "url",
    ["images.example", "ftp://images.example", "https://", "https://me:pw@images.example", "https://images.example?a=1",
     "https://images.example/#a", "https://images.example/../x", "https://images.example//x", "https://x/a b"],
)  # fmt: skip
def test_a_public_url_that_cannot_begin_links_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        parse_public_url(url)


@pytest.mark.parametrize(
    "path",
    ["", "/", "darkroom", "//evil.example", "/a//b", "/..", "/a/../b", "/a/", "/%2e", "/a b", "/a\n", "/" + "a" * 200],
)
def test_what_could_lead_elsewhere_is_no_prefix(path: str) -> None:
    assert not is_prefix(path)
