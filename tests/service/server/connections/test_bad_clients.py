"""Clients that hold connections are disconnected, and others notice nothing of them."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.harness.bad_clients import BadClient, bad_clients
from tests.harness.http_server import wait_until
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


def test_a_reader_below_the_floor_is_cut_off_and_one_above_it_is_not(serve: Serve) -> None:
    with serve(**SHORT | {"min_read_bytes_per_s": 1e9}) as server, bad_clients(BadClient.READS_NOTHING, 1, server.port):
        wait_until(lambda: server.connections() == 1)
        wait_until(lambda: server.connections() == 0)
