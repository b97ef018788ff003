"""Credentials are read from every place where clients put them."""

from __future__ import annotations

import base64

import pytest
from starlette.datastructures import Headers

from service.api.access.credentials import is_same_origin, secrets_of, session_cookie, session_of


def headers(*pairs: tuple[str, str]) -> Headers:
    return Headers(raw=[(name.lower().encode(), value.encode("latin-1")) for name, value in pairs])


def basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


@pytest.mark.parametrize(
    ("given", "secrets"),
    [
        ([], []),
        ([("Authorization", "Bearer drk_x")], ["drk_x"]),
        ([("Authorization", "bearer   drk_x ")], ["drk_x"]),
        ([("Authorization", "Token drk_x")], ["drk_x"]),
        ([("Authorization", "Token ")], []),
        ([("X-Api-Key", "drk_x")], ["drk_x"]),
        ([("Authorization", basic("anybody:drk:x"))], ["drk:x"]),
        ([("Authorization", basic("drk_x"))], [""]),
        ([("Authorization", "Basic ~~~")], [""]),
        ([("Authorization", "Basic /w==")], [""]),
        ([("Authorization", "Basic ")], []),
        ([("Authorization", basic(":"))], []),
        ([("Authorization", basic("anybody:"))], [""]),
        ([("Authorization", "Bearer")], []),
        ([("Authorization", "Digest x")], []),
        ([("Api-Key", "drk_x")], ["drk_x"]),
        ([("X-Api-Key", " "), ("Api-Key", "")], []),
        ([("Authorization", "Bearer a"), ("Authorization", basic("b:c")), ("X-Api-Key", "d")], ["a", "c", "d"]),
    ],
)
def test_secrets_are_read_from_each_header_that_may_hold_one(given: list[tuple[str, str]], secrets: list[str]) -> None:
    assert list(secrets_of(headers(*given))) == secrets


@pytest.mark.parametrize(
    ("given", "session"),
    [
        ([], None),
        ([("Cookie", "a=b; darkroom_session=x.y; c=d")], "x.y"),
        ([("Cookie", "a=b"), ("Cookie", "darkroom_session=x.y")], "x.y"),
        ([("Cookie", "darkroom_session=")], None),
        ([("Cookie", "xdarkroom_session=x")], None),
        ([("Cookie", f"darkroom_session=x; a={'b' * 9000}")], None),
    ],
)
def test_the_session_is_a_cookie(given: list[tuple[str, str]], session: str | None) -> None:
    assert session_of(headers(*given), "darkroom_session") == session


def test_with_tls_the_cookie_has_a_prefix_that_ties_it_to_the_host() -> None:
    assert session_cookie("s", "http") == "s"
    assert session_cookie("s", "https") == "__Host-s"


@pytest.mark.parametrize(
    ("given", "same"),
    [
        ([("Sec-Fetch-Site", "same-origin")], True),
        ([("Sec-Fetch-Site", "same-site")], False),
        ([("Sec-Fetch-Site", "cross-site"), ("Origin", "https://darkroom.test")], False),
        ([("Sec-Fetch-Site", "none")], False),
        ([("Origin", "https://darkroom.test")], True),
        ([("Origin", "https://Darkroom.test")], True),
        ([("Origin", "http://darkroom.test")], False),
        ([("Origin", "https://darkroom.test:8443")], False),
        ([("Origin", "https://evil.test")], False),
        ([("Origin", "null")], False),
        ([], False),
    ],
)
def test_only_a_page_of_this_server_is_of_its_origin(given: list[tuple[str, str]], same: bool) -> None:
    assert is_same_origin(headers(*given), ["http://inner:8000", "https://darkroom.test"]) is same
