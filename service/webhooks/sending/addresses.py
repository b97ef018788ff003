"""Decides which IP addresses a webhook may reach: those of the public internet, and no others.

The tables are IANA's special-purpose registries (RFC 6890 and its updates), and the one public address behind which a
cloud keeps its metadata. An IPv6 address that carries an IPv4 address is never needed to reach a public host.
"""

from __future__ import annotations

import ipaddress
from typing import Final, TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_INNER_IPV4: Final = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network: Linux takes it for loopback
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared by a provider's customers (CGNAT)
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # Azure's host
        "169.254.0.0/16",  # link-local, and the metadata of most clouds
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # relays of 6to4
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
_GLOBAL_IPV6: Final = ipaddress.IPv6Network("2000::/3")
"""Outside are loopback, IPv4-mapped and -compatible addresses, NAT64, unique local, link-local and multicast."""
_INNER_IPV6: Final = tuple(
    ipaddress.IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments, such as Teredo, which carries an IPv4 address
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which carries an IPv4 address
        "3fff::/20",  # documentation
    )
)


def is_public(address: Address) -> bool:
    """Returns whether the address belongs to one host of the public internet."""
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _INNER_IPV4)
    return address in _GLOBAL_IPV6 and not any(address in network for network in _INNER_IPV6)
