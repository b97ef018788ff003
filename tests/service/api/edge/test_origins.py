"""Only the server's own page may send requests that change something."""

from __future__ import annotations

import pytest

from service.api.edge.hosts import Authority
from service.api.edge.origins import is_own_origin

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
