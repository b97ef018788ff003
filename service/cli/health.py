"""Asks a server on this machine whether it is ready, as the health checks of containers do. Reads no settings."""

from __future__ import annotations

import http.client
import ipaddress
import json
from typing import Final

_ASKED: Final = "/readyz"


class NotReadyError(Exception):
    """Why the server does not serve; its text is for whoever reads the container's health log."""


def check_ready(host: str, port: int, timeout_s: float) -> None:
    """Returns where `GET /readyz` answers 200, and raises `NotReadyError` otherwise.

    `host` is the address that the server listens on. Proxies that the environment names are not asked.
    """
    address = local_address(host)
    connection = http.client.HTTPConnection(address, port, timeout=timeout_s)
    try:
        connection.request("GET", _ASKED)
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise NotReadyError(f"{address}:{port} does not answer: {error}") from error
    finally:
        connection.close()
    if response.status != http.HTTPStatus.OK:
        raise NotReadyError(f"{address}:{port} answers {response.status}: {_state(body)}")


def local_address(host: str) -> str:
    """The address under which this machine reaches a listener on `host`, which may be a wildcard."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if not address.is_unspecified:
        return host
    return "127.0.0.1" if address.version == 4 else "::1"


def _state(body: bytes) -> str:
    """The engine's phase and activity, and the store's state, as far as the answer has them."""
    try:
        answer = json.loads(body)
        return f"the engine is {answer['phase']} {answer['activity']}".strip() + f", the store is {answer['store']}"
    except (ValueError, KeyError, TypeError):
        return "no answer of this server"
