"""How the clients use the network, as docs/decisions/0009-network-defaults.md decides."""

from __future__ import annotations

import asyncio
import json
import socket
import threading

import pytest

from darkroom import AsyncDarkroom
from darkroom._options import LIMITS
from service.settings import Settings
from tests.client.conftest import Drive, Harness

MODELS = json.dumps({"object": "list", "data": [{"id": "bundled"}]}).encode()


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_server_on_this_machine_is_not_looked_for_behind_a_proxy(
    drive: Drive, server: Harness, monkeypatch: pytest.MonkeyPatch, variable: str, host: str
) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv(variable, "http://127.0.0.1:9")  # where nothing listens
    assert drive(None, base_url=server.url.replace("127.0.0.1", host), max_retries=0).models()


def test_idle_connections_are_dropped_sooner_than_the_server_and_a_balancer_drop_them() -> None:
    assert LIMITS.keepalive_expiry is not None
    assert LIMITS.keepalive_expiry < 60 < Settings().keep_alive_timeout_s


async def test_as_many_calls_are_in_flight_as_the_server_queues(server: Harness) -> None:
    server.engine.held_before = (0, 1)
    count = Settings().max_queued_images
    async with AsyncDarkroom(base_url=server.url) as client:
        calls = [asyncio.create_task(client.images.generate(prompt="x", steps=1)) for _ in range(count)]
        while len(server.engine.jobs) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        server.engine.let_go()
        await asyncio.gather(*calls)


@pytest.mark.integration
def test_a_call_on_a_kept_connection_that_the_server_was_closing_is_sent_again(drive: Drive) -> None:
    calls: list[str] = []

    def serve(listener: socket.socket) -> None:
        """Answers one call a connection, and hangs up on the second one."""
        for name in ("first", "second"):
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                calls.append(name)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(MODELS), MODELS))
                if name == "first":
                    connection.recv(65536)
                    calls.append("hung up on")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = threading.Thread(target=serve, args=(listener,))
        serving.start()
        client = drive(None, base_url=f"http://127.0.0.1:{listener.getsockname()[1]}")
        assert client.models() == client.models()
        serving.join()
    assert calls == ["first", "hung up on", "second"]
