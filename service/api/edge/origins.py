"""Decides which web pages may send requests that change something: the server's own, and no other."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from service.api.edge.hosts import Authority, parse_authority

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing. Without CORS headers another origin's page cannot read the answers either."""
_OWN_SITES: Final = frozenset({"same-origin", "none"})
"""Values of Sec-Fetch-Site for a request of our own page and for one that the user made without a page."""


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
