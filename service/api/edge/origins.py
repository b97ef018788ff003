"""Decides which web pages may send requests that change something: the server's own, and those of named origins."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from service.api.edge.hosts import Authority, parse_authority

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing. Without CORS headers another origin's page cannot read the answers either."""
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*", re.ASCII)
_OWN_SITES: Final = frozenset({"same-origin", "none"})
"""Values of Sec-Fetch-Site for a request of our own page and for one that the user made without a page."""


def parse_origins(text: str) -> frozenset[str]:
    """Reads the origins of web pages (RFC 6454) with commas between them, each in full, as browsers spell them.

    Schemes other than http and https are those of browser extensions and desktop applications. There is no wildcard,
    and `null` is refused, since any page can have that origin. Raises `ValueError`.
    """
    return frozenset(_origin(part.strip()) for part in text.split(",") if part.strip())


def _origin(text: str) -> str:
    scheme, separator, rest = text.lower().partition("://")
    authority = parse_authority(rest)
    if not separator or authority is None or not _SCHEME.fullmatch(scheme):
        raise ValueError("must be origins such as https://chat.example or http://localhost:3000, with commas between")
    return f"{scheme}://{authority.spelled(scheme)}"


def is_named_origin(origins: Collection[str], named: Collection[str]) -> bool:
    """Whether a request comes from a page of a `named` origin. `origins` are the values of its Origin header."""
    return len(origins) == 1 and set(origins) <= set(named)


def is_own_origin(origins: Collection[str], sites: Collection[str], own: Collection[Authority]) -> bool:
    """Whether a request comes from the server's own page or from no page at all.

    `origins` and `sites` are the values of its Origin and Sec-Fetch-Site headers, `own` are the hosts by which the
    caller knows this server. The scheme is not compared: behind a proxy that is not trusted it is unknown.
    """
    return set(sites) <= _OWN_SITES and all(_is_own(origin, own) for origin in origins)


def _is_own(origin: str, own: Collection[Authority]) -> bool:
    scheme, separator, rest = origin.partition("://")
    authority = parse_authority(rest)
    if scheme not in ("http", "https") or not separator or authority is None:
        return False  # `null` among others, which sandboxed pages and local files send.
    spelled = authority.spelled(scheme)
    return any(each.spelled(scheme) == spelled for each in own)
