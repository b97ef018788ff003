"""No page but the server's own may send requests that change something."""

from __future__ import annotations

import pytest

from service.api.edge.hosts import Authority
from service.api.edge.origins import is_named_origin, is_own_origin, parse_origins

OWN = [Authority("images.example", None), Authority("127.0.0.1", 8000), Authority("::1", 443)]


@pytest.mark.parametrize(
    ("origins", "sites"),
    [
        ([], []),
        ([], ["none"]),
        ([], ["same-origin"]),
        (["https://images.example"], ["same-origin"]),
        (["http://images.example"], []),
        (["http://127.0.0.1:8000"], []),
        (["https://[::1]"], []),
        (["https://images.example:443"], []),
    ],
)
def test_the_servers_own_page_and_programs_without_a_page_are_let_in(origins: list[str], sites: list[str]) -> None:
    assert is_own_origin(origins, sites, OWN)


@pytest.mark.parametrize(
    ("origins", "sites"),
    [
        (["https://evil.example"], []),
        (["https://evil.example"], ["same-origin"]),
        (["https://images.example", "https://evil.example"], []),
        (["null"], []),
        ([""], []),
        (["http://127.0.0.1:9000"], []),
        (["http://127.0.0.1"], []),
        (["https://images.example.evil.example"], []),
        (["https://images.example@evil.example"], []),
        (["https://images.example/"], []),
        (["chrome-extension://images.example"], []),
        (["images.example"], []),
        ([], ["cross-site"]),
        ([], ["same-site"]),
        ([], ["same-origin", "cross-site"]),
        (["https://images.example"], ["cross-site"]),
        ([], ["anything"]),
    ],
)
def test_pages_of_other_origins_are_not(origins: list[str], sites: list[str]) -> None:
    assert not is_own_origin(origins, sites, OWN)


@pytest.mark.parametrize(
    ("text", "origins"),
    [
        ("", set()),
        ("https://chat.example", {"https://chat.example"}),
        (" HTTPS://Chat.Example:443 , http://localhost:3000,", {"https://chat.example", "http://localhost:3000"}),
        ("http://[::1]:80,chrome-extension://abc", {"http://[::1]", "chrome-extension://abc"}),
    ],
)
def test_origins_are_read_as_browsers_spell_them(text: str, origins: set[str]) -> None:
    assert parse_origins(text) == origins


@pytest.mark.parametrize(
    "text",
    ["*", "null", "chat.example", "https://*.example", "https://a.example/", "https://", "//a", "https://a https://b"],
)
def test_what_is_no_exact_origin_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be origins such as"):
        parse_origins(text)


def test_a_page_is_known_by_one_whole_origin() -> None:
    named = parse_origins("https://chat.example")
    assert is_named_origin(["https://chat.example"], named)
    for origins in (
        [],
        ["https://chat.example", "https://chat.example"],
        ["https://chat.example.evil.example"],
        ["null"],
    ):
        assert not is_named_origin(origins, named), origins
