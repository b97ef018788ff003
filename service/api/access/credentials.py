"""Reads from a request's headers what it brings to be let in: secrets, and the session of the page."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection, Iterator
from typing import Final

from starlette.datastructures import Headers

SESSION_COOKIE: Final = "darkroom_session"
_PLAIN_SCHEMES: Final = ("bearer", "token")
_NOBODY: Final = ("", "Og==")
"""Basic credentials of clients in which neither a name nor a password is set: nothing, and the base64 of a colon."""
_MAX_COOKIE_CHARACTERS: Final = 8192


def secrets_of(headers: Headers) -> Iterator[str]:
    """Yields the secrets: of `Authorization` with `Bearer`, `Token` or `Basic` (its password), of `x-api-key` and of
    `api-key`.

    `Token` is the scheme of Replicate's clients up to 0.25, and `api-key` the header of Azure's.
    """
    for value in headers.getlist("authorization"):
        scheme, _, rest = value.strip().partition(" ")
        if scheme.lower() in _PLAIN_SCHEMES and rest.strip():
            yield rest.strip()
        elif scheme.lower() == "basic" and rest.strip() not in _NOBODY:
            yield _password(rest.strip())
    for name in ("x-api-key", "api-key"):
        yield from (value.strip() for value in headers.getlist(name) if value.strip())


def session_of(headers: Headers) -> str | None:
    """Returns the text of the session, where the request has one."""
    for value in headers.getlist("cookie"):
        if len(value) > _MAX_COOKIE_CHARACTERS:
            continue
        for pair in value.split(";"):
            name, _, text = pair.strip().partition("=")
            if name == SESSION_COOKIE and text:
                return text
    return None


def is_same_origin(headers: Headers, own: Collection[str]) -> bool:
    """Whether a page of this server sent the request, as its browser says. `own` are the origins of the server.

    Browsers say it in `Sec-Fetch-Site` or, to hosts without TLS, in `Origin` alone. A request without both is not from
    a page that a browser protects.
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
