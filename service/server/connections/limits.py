"""The bounds of a listener's connections, as values."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

LOOPBACK: Final[Sequence[Network]] = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeLimits:
    header_timeout_s: float
    """Seconds from the first byte of a request, or the opening of the connection, to the end of its head."""
    body_timeout_s: float
    """Seconds from the end of the head to the end of the body."""
    write_timeout_s: float
    """Seconds over which a client's rate of reading is measured."""
    min_read_bytes_per_s: float
    """Rate at which a client must read a waiting answer."""
    max_connections: int
    max_connections_per_address: int
    reserve: int = 64
    """Connections beyond the others that may send one request, a probe. Further ones are closed without an answer."""
    uncounted: Sequence[Network] = field(default=LOOPBACK)
    """Networks whose connections are not counted by address: this machine's, and those of proxies."""
    max_header_bytes: int = 32 * 1024
