"""Reads what trusted proxies say about a request in X-Forwarded-* and Forwarded (RFC 7239).

Each proxy adds to a list what it saw, so the list is read from its end: for as long as the machine that added an
entry is itself a trusted proxy, the entry before it is believed too. Anybody could have sent the entries further ahead.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

UNIX: Final = "unix"
"""Stands for whoever connects through a socket file."""

_Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_PAIR: Final = re.compile(
    r"""[ \t]*(?P<name>[\w!#$%&'*+.^`|~-]+)="""
    r"""(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<token>[^\s;,"]*))[ \t]*(?P<end>[;,]|$)""",
    re.ASCII,
)
_NODE: Final = re.compile(r"\[(?P<v6>[^\]]+)\](?::\d+)?|(?P<v4>[0-9.]+):\d+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Hop:
    """One proxy's description of the request that it received. A field is None where the proxy does not give it."""

    peer: str | None
    """The address that sent it."""
    scheme: str | None = None
    host: str | None = None


class TrustedProxies:
    def __init__(self, networks: Sequence[_Network] = (), *, unix: bool = False) -> None:
        self.networks = tuple(networks)
        self._unix = unix

    def trusts(self, peer: str | None) -> bool:
        """Whether `peer` is a trusted proxy: an IP address, or None for the other end of a socket file."""
        if peer is None:
            return self._unix
        address = _address(peer)
        return address is not None and any(address in network for network in self.networks)

    def outermost(self, hops: Sequence[Hop]) -> Hop:
        """Returns the outermost entry that is believed. `hops` is not empty, and its last entry is always believed."""
        place = len(hops) - 1
        while place > 0 and hops[place].peer is not None and self.trusts(hops[place].peer):
            place -= 1
        return hops[place]


def parse_trusted_proxies(text: str) -> TrustedProxies:
    """Reads addresses, networks and `unix`, with commas between them. Raises `ValueError`."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    try:
        networks = [ipaddress.ip_network(part) for part in parts if part != UNIX]
    except ValueError:
        raise ValueError(
            "must be IP addresses, networks such as 10.0.0.0/8, or unix, with commas between them"
        ) from None
    return TrustedProxies(networks, unix=UNIX in parts)


def hops_of(headers: Mapping[str, str]) -> list[Hop]:
    """Returns the hops in X-Forwarded-* or else in Forwarded. `headers` joins the values of a name with commas."""
    if any(name in headers for name in ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host")):
        return _from_lists(*(_listed(headers, f"x-forwarded-{part}") for part in ("for", "proto", "host")))
    return _from_pairs(headers.get("forwarded", ""))


def _listed(headers: Mapping[str, str], name: str) -> list[str]:
    return [part.strip() for part in headers.get(name, "").split(",") if part.strip()]


def _from_lists(peers: Sequence[str], schemes: Sequence[str], hosts: Sequence[str]) -> list[Hop]:
    count = max(1, len(peers))
    return [
        Hop(
            _at(peers, from_end) and _node(_at(peers, from_end) or ""),
            _scheme(_at(schemes, from_end)),
            _at(hosts, from_end),
        )
        for from_end in reversed(range(count))
    ]


def _at(values: Sequence[str], from_end: int) -> str | None:
    """Returns the value at a place counted from the end. A proxy on the way replaced a list that is shorter than the
    others, so its first value holds for the places before it."""
    return values[max(0, len(values) - 1 - from_end)] if values else None


def _from_pairs(text: str) -> list[Hop]:
    """Returns no hops where the header is malformed."""
    hops: list[Hop] = []
    pairs: dict[str, str] = {}
    place = 0
    while place < len(text):
        match = _PAIR.match(text, place)
        if match is None:
            return []
        value = match["token"] if match["quoted"] is None else re.sub(r"\\(.)", r"\1", match["quoted"])
        pairs[match["name"].lower()] = value
        place = match.end()
        if match["end"] != ";":
            hops.append(Hop(_node(pairs.get("for", "")), _scheme(pairs.get("proto")), pairs.get("host")))
            pairs = {}
    return hops


def _node(text: str) -> str | None:
    """Returns the IP address of a node, without its port. None for a name that hides one, such as `unknown`."""
    match = _NODE.fullmatch(text)
    address = _address((match["v6"] or match["v4"]) if match else text)
    return None if address is None else str(address)


def _scheme(text: str | None) -> str | None:
    lowered = (text or "").lower()
    return lowered if lowered in ("http", "https") else None


def _address(text: str) -> _Address | None:
    """Returns an IPv4 address for one that is mapped to IPv6, as an IPv6 socket reports it."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return (address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None) or address
