"""Asks a server on this machine whether it is ready, as the health checks of containers do. Reads no settings."""

from __future__ import annotations

import http.client
import ipaddress
import json
import socket
from pathlib import Path
from typing import Final, NamedTuple

_ASKED: Final = "/readyz"


class NotReadyError(Exception):
    """The server does not serve. The message is for the reader of the container's health log."""


class Address(NamedTuple):
    """The address on which the server listens by its settings."""

    host: str
    """One address, or several with commas between them."""
    port: int
    uds: Path | None = None
    """A Unix socket, which takes precedence over host and port."""

    def __str__(self) -> str:
        return f"{local_address(self.host)}:{self.port}" if self.uds is None else str(self.uds)


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def check_ready(address: Address, timeout_s: float) -> None:
    """Returns if `GET /readyz` answers 200, and raises `NotReadyError` otherwise.

    Proxies in the environment are ignored.
    """
    connection = _connection(address, timeout_s)
    try:
        connection.request("GET", _ASKED)
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise NotReadyError(f"{address} does not answer: {error}") from error
    finally:
        connection.close()
    if response.status != http.HTTPStatus.OK:
        raise NotReadyError(f"{address} answers {response.status}: {_state(body)}")


def _connection(address: Address, timeout_s: float) -> http.client.HTTPConnection:
    if address.uds is not None:
        return _UnixConnection(address.uds, timeout_s)
    return http.client.HTTPConnection(local_address(address.host), address.port, timeout=timeout_s)


def local_address(host: str) -> str:
    """Returns the address by which this machine reaches the first address of `host`, which may be a wildcard."""
    first = host.partition(",")[0].strip()
    try:
        address = ipaddress.ip_address(first)
    except ValueError:
        return first
    if not address.is_unspecified:
        return first
    return "127.0.0.1" if address.version == 4 else "::1"


def _state(body: bytes) -> str:
    """Returns a sentence on the engine and the store from the body of an answer."""
    try:
        answer = json.loads(body)
        return f"the engine is {answer['phase']} {answer['activity']}".strip() + f", the store is {answer['store']}"
    except (ValueError, KeyError, TypeError):
        return "no answer of this server"
