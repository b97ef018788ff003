"""The addresses of this server as its callers know it. Every address in an answer is made here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.types import Scope

from service.api.edge.hosts import Authority, parse_authority

_PREFIX: Final = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+", re.ASCII)
_MAX_PREFIX: Final = 200
_KEY: Final = "addresses"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Scheme, host and prefix of the server's addresses, as one caller sees them."""

    scheme: str
    authority: Authority
    prefix: str = ""
    """Path under which a proxy publishes the server, such as /darkroom; empty where there is none."""

    @property
    def origin(self) -> str:
        """The origin of the server's own pages (RFC 6454)."""
        return f"{self.scheme}://{self.authority.spelled(self.scheme)}"

    def path(self, path: str) -> str:
        """Returns the address of `path`, which begins with a slash, for a caller that keeps scheme and host."""
        return f"{self.prefix}{path}"

    def url(self, path: str) -> str:
        """Returns the whole address of `path`."""
        return f"{self.origin}{self.path(path)}"


def addresses_of(request: HTTPConnection) -> Addresses:
    """Returns the addresses by which the caller knows the server, which `service.api.edge.forwarded` found."""
    found: Addresses = request.scope["state"][_KEY]
    return found


def remember(scope: Scope, addresses: Addresses) -> None:
    scope.setdefault("state", {})[_KEY] = addresses


def parse_public_url(url: str) -> Addresses:
    """Reads the address of a server. Raises `ValueError` for other text."""
    parts = urlsplit(url)
    authority = parse_authority(parts.netloc)
    prefix = parts.path.rstrip("/")
    if parts.scheme not in ("http", "https") or authority is None or parts.query or parts.fragment:
        raise ValueError("must be an address such as https://images.example or https://example.org/darkroom")
    if prefix and not is_prefix(prefix):
        raise ValueError("its path must be letters, digits and -._~ between slashes")
    return Addresses(parts.scheme, authority, prefix)


def is_prefix(path: str) -> bool:
    return len(path) <= _MAX_PREFIX and _PREFIX.fullmatch(path) is not None
