"""Decides which hosts a request may name, so that DNS rebinding does not let another site's page reach this server.

An IP literal cannot be made to resolve to another address, so every one is accepted; a name must be known.
"""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_AUTHORITY: Final = re.compile(
    r"(?:\[(?P<v6>[0-9a-f:.]{2,45})\]|(?P<name>[a-z0-9_](?:[a-z0-9_.-]{0,252})))(?::(?P<port>[0-9]{0,5}))?",
    re.ASCII | re.IGNORECASE,
)
_NAME: Final = re.compile(r"(?:\*\.)?[a-z0-9_][a-z0-9_.-]{0,252}", re.ASCII | re.IGNORECASE)
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_LOCALHOST: Final = "localhost"
"""Browsers resolve it, and every name below it, to this machine without asking a name server."""
_ANY: Final = "*"


@dataclass(frozen=True, slots=True)
class Authority:
    """A host and perhaps a port, as a Host header or an origin names them."""

    host: str
    """In lower case, without brackets or a final dot."""
    port: int | None

    def spelled(self, scheme: str) -> str:
        """Returns it as a URL of `scheme` spells it, without the default port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port in (None, _DEFAULT_PORTS.get(scheme)) else f"{host}:{self.port}"


def parse_authority(text: str) -> Authority | None:
    """Reads a host with or without a port. Returns None for other text."""
    match = _AUTHORITY.fullmatch(text)
    if match is None:
        return None
    port = int(match["port"]) if match["port"] else None
    if port is not None and not 0 < port < 1 << 16:
        return None
    if match["v6"] is not None:
        address = _address(match["v6"])
        return None if address is None else Authority(str(address), port)
    return Authority(match["name"].lower().removesuffix("."), port)


def parse_host_names(text: str) -> frozenset[str]:
    """Reads names with commas between them; `*.` before a name stands for all names below it, `*` for every name.

    Raises `ValueError`.
    """
    names = {part.strip().lower().removesuffix(".") for part in text.split(",") if part.strip()}
    if not all(name == _ANY or _NAME.fullmatch(name) or _address(name) for name in names):
        raise ValueError("must be host names without ports, with commas between them, such as images.example")
    return frozenset(names)


class AllowedHosts:
    def __init__(self, names: Iterable[str]) -> None:
        """Accepts `names`, as `parse_host_names` gives them, beside the names of loopback and IP literals."""
        self._names = frozenset(name.lower() for name in names)
        self._endings = (f".{_LOCALHOST}", *(name[1:] for name in self._names if name.startswith("*.")))

    def allows(self, authority: Authority) -> bool:
        host = authority.host
        return (
            _ANY in self._names
            or host in self._names
            or host == _LOCALHOST
            or host.endswith(self._endings)
            or _address(host) is not None
        )


@functools.lru_cache(maxsize=64)
def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
