"""Requests may name the server's own hosts and no others."""

from __future__ import annotations

import pytest

from service.api.edge.hosts import AllowedHosts, Authority, parse_authority, parse_host_names


@pytest.mark.parametrize(
    ("text", "authority"),
    [
        ("images.example", Authority("images.example", None)),
        ("Images.Example.:8000", Authority("images.example", 8000)),
        ("127.0.0.1:80", Authority("127.0.0.1", 80)),
        ("[::1]:8000", Authority("::1", 8000)),
        ("[0:0:0::1]", Authority("::1", None)),
        ("darkroom:", Authority("darkroom", None)),
    ],
)
def test_a_host_and_its_port_are_read(text: str, authority: Authority) -> None:
    assert parse_authority(text) == authority


@pytest.mark.parametrize(
    "text",
    ["", "[", "::1", "[::1", "x/docs?", "a b", "%00", ":99999", "x" * 5000, "me@images.example", "images.example:0",
     "images.example:65536", "images.example:80:80", "a,b", "[fe80::1%25eth0]", "é.example", "images.example\n"],
)  # fmt: skip
def test_what_is_no_host_is_not_read(text: str) -> None:
    assert parse_authority(text) is None


@pytest.mark.parametrize(
    ("host", "scheme", "spelled"),
    [
        ("images.example:443", "https", "images.example"),
        ("images.example:443", "http", "images.example:443"),
        ("[::1]:8000", "http", "[::1]:8000"),
        ("[::1]:80", "http", "[::1]"),
    ],
)
def test_a_url_leaves_out_the_port_of_its_scheme(host: str, scheme: str, spelled: str) -> None:
    authority = parse_authority(host)
    assert authority is not None
    assert authority.spelled(scheme) == spelled


HOSTS = AllowedHosts(parse_host_names("Images.Example, *.internal.example."))


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "dark.localhost",
        "127.0.0.1",
        "10.1.2.3",
        "::1",
        "2001:db8::7",
        "images.example",
        "a.internal.example",
    ],
)
def test_known_names_and_addresses_are_allowed(host: str) -> None:
    assert HOSTS.allows(Authority(host, 8000))


@pytest.mark.parametrize(
    "host",
    ["evil.example", "internal.example", "xinternal.example", "images.example.evil.example", "notlocalhost", "darkroom",
     "localhost.evil.example", "127.1", "0x7f000001", "2130706433", "127.0.0.1.nip.io", "0177.0.0.1"],
)  # fmt: skip
def test_other_names_are_not_and_neither_is_what_only_looks_like_an_address(host: str) -> None:
    assert not HOSTS.allows(Authority(host, None))


def test_a_star_allows_every_name() -> None:
    assert AllowedHosts(parse_host_names("*")).allows(Authority("evil.example", None))


@pytest.mark.parametrize("text", ["images.example:80", "https://images.example", "a b", "*example", "a.*.example"])
def test_a_list_of_names_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="host names"):
        parse_host_names(text)
