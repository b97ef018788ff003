"""Clients that hold connections are disconnected, and others notice nothing of them."""

from __future__ import annotations

import socket
import time
from typing import Any, Final

import pytest

from tests.harness.wire.bad_clients import BadClient, bad_clients
from tests.harness.wire.http_server import wait_until
from tests.harness.wire.raw_http import LAST_GET, answers_in
from tests.service.serving import Serve

CLIENTS: Final = 40
SHORT: Final[dict[str, Any]] = {
    "header_timeout_s": 1,
    "body_timeout_s": 1,
    "write_timeout_s": 1,
    "keep_alive_timeout_s": 1,
}


@pytest.mark.parametrize("kind", BadClient)
def test_bad_clients_are_disconnected_while_others_are_served(serve: Serve, kind: BadClient) -> None:
    with serve(**SHORT) as server, bad_clients(kind, CLIENTS, server.port) as go_on:
        wait_until(lambda: server.connections() >= CLIENTS)

        def are_gone() -> bool:
            go_on()
            assert server.post(prompt="x", steps=1, size="64x64").status_code == 200
            return server.connections() <= 1

        wait_until(are_gone)


def read_slowly(port: int) -> bytes:
    """Reads a large answer at about 50 kB a second."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        client.settimeout(60)
        client.connect(("127.0.0.1", port))
        client.sendall(LAST_GET.replace(b"/livez", b"/openapi.json"))
        parts = []
        while part := client.recv(512):
            parts.append(part)
            time.sleep(0.01)
        return b"".join(parts)


def test_a_reader_below_the_floor_is_cut_off(serve: Serve) -> None:
    with serve(**SHORT | {"min_read_bytes_per_s": 1e9}) as server, pytest.raises(ConnectionResetError):
        read_slowly(server.port)


def test_a_reader_above_the_floor_is_not_cut_off(serve: Serve) -> None:
    with serve(**SHORT | {"min_read_bytes_per_s": 10}) as server:
        (answer,) = answers_in(read_slowly(server.port))
    assert answer.status == 200
