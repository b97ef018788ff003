"""Only listed proxies are believed, and only the entries that they added."""

from __future__ import annotations

import pytest

from service.api.edge.proxies import Hop, hops_of, parse_trusted_proxies

TRUSTED = parse_trusted_proxies("127.0.0.1, 10.0.0.0/8, fd00::/8, unix")


@pytest.mark.parametrize("peer", ["127.0.0.1", "10.9.8.7", "fd00::1", "::ffff:10.1.2.3", None])
def test_listed_addresses_and_socket_files_are_trusted(peer: str | None) -> None:
    assert TRUSTED.trusts(peer)


@pytest.mark.parametrize("peer", ["127.0.0.2", "11.0.0.1", "::1", "fe80::1", "testclient", ""])
def test_other_peers_are_not(peer: str) -> None:
    assert not TRUSTED.trusts(peer)


def test_nobody_is_trusted_unless_they_are_listed() -> None:
    assert not any(parse_trusted_proxies("").trusts(peer) for peer in ("127.0.0.1", "::1", None))


@pytest.mark.parametrize("text", ["proxy.example", "10.0.0.0/33", "10.0.0.1/8", "*", "127.0.0.1:80"])
def test_a_list_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="IP addresses"):
        parse_trusted_proxies(text)


@pytest.mark.parametrize(
    ("headers", "hops"),
    [
        ({}, []),
        ({"x-forwarded-proto": "HTTPS"}, [Hop(None, "https")]),
        (
            {"x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "https", "x-forwarded-host": "images.example"},
            [Hop("203.0.113.9", "https", "images.example")],
        ),
        (
            {"x-forwarded-for": "203.0.113.9:55, [2001:db8::1]:80, 10.0.0.2", "x-forwarded-proto": "https, http"},
            [Hop("203.0.113.9", "https"), Hop("2001:db8::1", "https"), Hop("10.0.0.2", "http")],
        ),
        ({"x-forwarded-for": "unknown, <script>", "x-forwarded-proto": "gopher"}, [Hop(None), Hop(None)]),
        (
            {"forwarded": 'for="[2001:db8::1]:4711";proto=https;host="images.example:8443", For=10.0.0.2 ; by=_x'},
            [Hop("2001:db8::1", "https", "images.example:8443"), Hop("10.0.0.2")],
        ),
        ({"forwarded": "for=_hidden, for=unknown"}, [Hop(None), Hop(None)]),
        ({"forwarded": 'for="10.0.0.1'}, []),
        ({"forwarded": ";;,"}, []),
        ({"forwarded": "proto=http", "x-forwarded-proto": "https"}, [Hop(None, "https")]),
    ],
)
def test_headers_become_hops(headers: dict[str, str], hops: list[Hop]) -> None:
    assert hops_of(headers) == hops


@pytest.mark.parametrize(
    ("chain", "believed"),
    [
        (["203.0.113.9"], "203.0.113.9"),
        (["198.51.100.66", "203.0.113.9"], "203.0.113.9"),
        (["203.0.113.9", "10.0.0.2"], "203.0.113.9"),
        (["198.51.100.66", "203.0.113.9", "10.0.0.2", "10.0.0.3"], "203.0.113.9"),
        (["10.0.0.1", "10.0.0.2"], "10.0.0.1"),
        ([None, "10.0.0.2"], None),
        (["198.51.100.66", None], None),
    ],
)
def test_entries_are_believed_as_far_as_trusted_proxies_added_them(
    chain: list[str | None], believed: str | None
) -> None:
    assert TRUSTED.outermost([Hop(peer) for peer in chain]).peer == believed
