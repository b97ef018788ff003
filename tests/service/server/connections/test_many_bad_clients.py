"""Five hundred bad clients of each kind at once: others are served, and the server's memory stays bounded."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import httpx2
import pytest

from tests.harness.bundled_server import free_port
from tests.harness.served.server_process import running_server
from tests.harness.wire.bad_clients import BadClient, bad_clients
from tests.harness.wire.http_server import wait_until

CLIENTS: Final = 500
MAX_GROWTH_BYTES: Final = 128 << 20
"""A quarter of a MiB for each client: its buffers, and an answer that it does not read."""
OPEN: Final = 'darkroom_connections{listener="api"}'
SETTINGS: Final = {
    "header_timeout_s": 5,
    "body_timeout_s": 5,
    "write_timeout_s": 5,
    "keep_alive_timeout_s": 5,
    "max_connections": CLIENTS + 10,
}


def gauge(admin: httpx2.Client, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} (\S+)$", admin.get("/metrics").text, re.MULTILINE)
    assert found is not None
    return float(found[1])


@pytest.mark.parametrize("kind", BadClient)
def test_five_hundred_bad_clients_cost_others_nothing(tmp_path: Path, kind: BadClient) -> None:
    admin_port = free_port()
    with (
        running_server(tmp_path, **SETTINGS | {"admin_port": admin_port}) as (_, client),
        httpx2.Client(base_url=f"http://127.0.0.1:{admin_port}", timeout=60) as admin,
    ):
        before_bytes = gauge(admin, "process_resident_memory_bytes")
        most_bytes = 0.0
        port = client.base_url.port
        assert port is not None
        with bad_clients(kind, CLIENTS, port) as go_on:

            def are_gone() -> bool:
                nonlocal most_bytes
                go_on()
                body = {"prompt": "x", "steps": 1, "size": "64x64"}
                assert client.post("/v1/images/generations", json=body).status_code == 200
                most_bytes = max(most_bytes, gauge(admin, "process_resident_memory_bytes"))
                return gauge(admin, OPEN) <= 1

            wait_until(lambda: gauge(admin, OPEN) >= CLIENTS)
            wait_until(are_gone)
    assert most_bytes - before_bytes < MAX_GROWTH_BYTES
