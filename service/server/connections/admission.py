"""Decides which connections are served: bounds their number and that of each address, and keeps a reserve for probes.

Probes must be answered even when all connections are taken. So some connections beyond the bounds are admitted for one
request each, which must be a probe; and one address cannot take all of these. Knows no sockets.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from dataclasses import dataclass
from typing import Final

from service.server.connections.limits import EdgeLimits

_RESERVE_PER_ADDRESS: Final = 8
_IPV6_PREFIX: Final = 64
"""Bits of an IPv6 address that count. Providers give each customer at least such a network, so an attacker has all its
addresses."""


@dataclass(frozen=True, slots=True)
class Place:
    """The place that one connection takes."""

    source: str | None
    """The counted address or IPv6 network; None where its connections are not counted."""
    is_reserve: bool


class Admission:
    """Counts the connections of one listener."""

    def __init__(self, limits: EdgeLimits) -> None:
        self._limits = limits
        self._taken: Counter[bool] = Counter()
        """Number of taken places, by whether they are in the reserve."""
        self._by_source: Counter[Place] = Counter()

    def enter(self, address: str | None) -> Place | None:
        """Returns a place for a new connection, or None if none is free. Clients of a Unix socket have no address."""
        source = None if address is None else self._source(address)
        for is_reserve, most, most_per_source in (
            (False, self._limits.max_connections, self._limits.max_connections_per_address),
            (True, self._limits.reserve, _RESERVE_PER_ADDRESS),
        ):
            place = Place(source, is_reserve)
            has_share = source is None or self._by_source[place] < most_per_source
            if self._taken[is_reserve] < most and has_share:
                self._taken[is_reserve] += 1
                self._by_source[place] += 1
                return place
        return None

    def leave(self, place: Place) -> None:
        self._taken[place.is_reserve] -= 1
        self._by_source[place] -= 1
        if not self._by_source[place]:
            del self._by_source[place]  # Otherwise each address that ever connected would stay.

    def _source(self, address: str) -> str | None:
        try:
            parsed = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return address
        if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
            parsed = parsed.ipv4_mapped  # An IPv6 socket shows a client that came by IPv4 like this.
        if any(parsed in network for network in self._limits.uncounted):
            return None
        if isinstance(parsed, ipaddress.IPv6Address):
            return str(ipaddress.ip_network((parsed, _IPV6_PREFIX), strict=False))
        return str(parsed)
