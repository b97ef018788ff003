"""Reads the URL of a webhook, strictly: whoever reads it later must find the same host in it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from service.webhooks.sending.addresses import Address, is_public

MAX_URL: Final = 2048
_URL: Final = re.compile(
    r"(?P<scheme>https?)://"
    r"(?:\[(?P<v6>[0-9a-f:.]{2,45})\]|(?P<name>[a-z0-9_](?:[a-z0-9_.-]{0,252})))"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>[/?][!-~]*)?",
    re.ASCII | re.IGNORECASE,
)
_NAME: Final = re.compile(r"[a-z0-9_][a-z0-9_.-]{0,252}", re.ASCII)
_UNSAFE: Final = re.compile(r'[#"<>\\^`{|}]')
_NUMERIC: Final = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
"""The last label of a host that the system's resolver would take for an IPv4 address, however it is spelled."""
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Target:
    """The receiver of a webhook, as its URL names it."""

    scheme: str
    host: str
    """In lower case, without brackets or a final dot. An address is spelled in the usual way."""
    port: int
    path: str
    """Path and query, from the first slash."""
    is_allowed: bool
    """Whether the operator has named the host: it may then be anywhere, and plain HTTP will do."""

    @property
    def authority(self) -> str:
        """Host and port as a Host header names them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


def parse_target(url: str, allowed_hosts: Collection[str]) -> Target:
    """Raises ValueError, with a sentence for the caller that does not repeat the URL, for what nothing is sent to."""
    match = _URL.fullmatch(url) if len(url) <= MAX_URL else None
    if match is None or _UNSAFE.search(match["path"] or ""):
        raise ValueError(
            f"must be an address such as https://example.org/hook: ASCII, at most {MAX_URL} characters, and without a "
            "user, a password or a fragment"
        )
    scheme = match["scheme"].lower()
    host, address = _host(match["v6"], (match["name"] or "").lower().removesuffix("."))
    port = int(match["port"] or _DEFAULT_PORTS[scheme])
    if not 0 < port < 1 << 16:
        raise ValueError("must have a port from 1 to 65535")
    path = match["path"] or "/"
    target = Target(scheme, host, port, path if path.startswith("/") else f"/{path}", host in allowed_hosts)
    _check(target, address)
    return target


def parse_allowed_hosts(text: str) -> frozenset[str]:
    """Reads hosts with commas between them, without ports. Raises ValueError."""
    hosts = [part.strip().lower().removesuffix(".") for part in text.split(",") if part.strip()]
    try:
        return frozenset(_allowed_host(host) for host in hosts)
    except ValueError:
        raise ValueError("must be host names or addresses, with commas between them, such as hooks.internal") from None


def _allowed_host(host: str) -> str:
    """Raises ValueError."""
    if ":" in host:
        return str(ipaddress.IPv6Address(host.removeprefix("[").removesuffix("]")))
    if not _NAME.fullmatch(host):
        raise ValueError
    return _host(None, host)[0]


def _host(v6: str | None, name: str) -> tuple[str, Address | None]:
    """Returns the host as it is compared, and the address that it is, if it is one. Raises ValueError."""
    try:
        if v6 is not None:
            address: Address = ipaddress.IPv6Address(v6)
        elif _NUMERIC.fullmatch(name.rpartition(".")[2]):
            address = ipaddress.IPv4Address(name)
        else:
            return name, None
    except ValueError:
        raise ValueError("must name a host, or an address in the usual spelling") from None
    return str(address), address


def _check(target: Target, address: Address | None) -> None:
    if target.is_allowed:
        return
    if target.scheme != "https":
        raise ValueError("must begin with https://")
    if address is not None and not is_public(address):
        raise ValueError("must not name an address that is not public")
