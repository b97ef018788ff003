"""The network defaults of the clients that docs/decisions/0009-network-defaults.md decides."""

from __future__ import annotations

import asyncio
import json
import socket
import threading

import pytest

from darkroom import AsyncDarkroom
from darkroom._core.options import LIMITS
from service.settings import Settings
from tests.client.both import Clients
from tests.harness.wire.http_server import Harness

MODELS = json.dumps({"object": "list", "data": [{"id": "bundled"}]}).encode()


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_server_on_this_machine_is_reached_without_the_proxy(
    connect: Clients, server: Harness, monkeypatch: pytest.MonkeyPatch, variable: str, host: str
) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv(variable, "http://127.0.0.1:9")  # nothing listens there
    assert connect(None, base_url=server.url.replace("127.0.0.1", host), max_retries=0).models.list()


def test_the_client_drops_idle_connections_before_the_server_and_load_balancers_do() -> None:
    assert LIMITS.keepalive_expiry is not None
    assert LIMITS.keepalive_expiry < 60 < Settings().keep_alive_timeout_s


async def test_as_many_requests_are_in_flight_as_the_server_queues_images(server: Harness) -> None:
    server.engine.held_before = (0, 1)
    count = Settings().max_queued_images
    async with AsyncDarkroom(base_url=server.url) as client:
        requests = [asyncio.create_task(client.images.generate(prompt="x", steps=1)) for _ in range(count)]
        while len(server.engine.jobs) < count:  # noqa: ASYNC110 - the fake engine has no event for it
            await asyncio.sleep(0.01)
        server.engine.let_go()
        await asyncio.gather(*requests)


@pytest.mark.integration
def test_a_request_on_a_connection_that_the_server_was_closing_is_sent_again(connect: Clients) -> None:
    log: list[str] = []

    def serve(listener: socket.socket) -> None:
        """Answer one request of each connection, and close the first one when a second request comes."""
        for name in ("first", "second"):
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                log.append(name)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(MODELS), MODELS))
                if name == "first":
                    connection.recv(65536)
                    log.append("dropped")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        client = connect(None, base_url=f"http://127.0.0.1:{listener.getsockname()[1]}")
        assert client.models.list() == client.models.list()
        thread.join()
    assert log == ["first", "dropped", "second"]
