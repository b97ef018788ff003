"""Reads a request's credentials from its headers: secrets, and the session of the page."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection, Iterator
from typing import Final

from starlette.datastructures import Headers

_PLAIN_SCHEMES: Final = ("bearer", "token")
_EMPTY_BASIC: Final = ("", "Og==")
"""Basic credentials that clients send without a name and a password: nothing, or the base64 of a colon."""
_MAX_COOKIE_CHARACTERS: Final = 8192
_SECURE_PREFIX: Final = "__Host-"
"""Browsers take a cookie with this prefix from the host alone, and over TLS alone (RFC 6265bis, 4.1.3.2)."""


def secrets_of(headers: Headers) -> Iterator[str]:
    """Yields the secrets in `Authorization` (`Bearer`, `Token`, or the password of `Basic`), `x-api-key` and `api-key`.

    Replicate's clients up to 0.25 send `Token`, and Azure's send `api-key`.
    """
    for value in headers.getlist("authorization"):
        scheme, _, rest = value.strip().partition(" ")
        if scheme.lower() in _PLAIN_SCHEMES and rest.strip():
            yield rest.strip()
        elif scheme.lower() == "basic" and rest.strip() not in _EMPTY_BASIC:
            yield _password(rest.strip())
    for name in ("x-api-key", "api-key"):
        yield from (value.strip() for value in headers.getlist(name) if value.strip())


def session_cookie(session_name: str, scheme: str) -> str:
    """Returns the name of the session cookie. With TLS nobody but this host can have set a cookie of that name."""
    return f"{_SECURE_PREFIX}{session_name}" if scheme == "https" else session_name


def session_of(headers: Headers, cookie: str) -> str | None:
    """Returns the text of the session cookie of that name, or None without one."""
    for value in headers.getlist("cookie"):
        if len(value) > _MAX_COOKIE_CHARACTERS:
            continue
        for pair in value.split(";"):
            name, _, text = pair.strip().partition("=")
            if name == cookie and text:
                return text
    return None


def is_same_origin(headers: Headers, own: Collection[str]) -> bool:
    """Whether the browser says that a page of this server sent the request. `own` are the origins of the server.

    Browsers say it in `Sec-Fetch-Site` or, to hosts without TLS, in `Origin` alone. Without either header nobody says
    it, and the answer is no.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = headers.get("origin")
    return origin is not None and origin.lower() in {each.lower() for each in own}


def _password(encoded: str) -> str:
    """Returns the password of Basic credentials (RFC 7617), empty where they are malformed."""
    try:
        return base64.b64decode(encoded, validate=True).decode("utf-8").partition(":")[2]
    except (binascii.Error, ValueError):
        return ""
