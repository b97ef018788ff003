"""Bad clients behind nginx, set up as in docs/proxies.md, with and without its buffers, disturb nobody."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx2
import pytest

from tests.harness.wire.http_server import Harness, wait_until
from tests.harness.wire.nginx import HOST, PREFIX, nginx_before
from tests.harness.wire.raw_http import answers_in, connected, read_to_end
from tests.service.serving import Serve

CLIENTS: Final = 40
SETTINGS: Final[dict[str, Any]] = {
    "trusted_proxies": "127.0.0.1",
    "allowed_hosts": HOST,
    "header_timeout_s": 1,
    "body_timeout_s": 1,
    "write_timeout_s": 1,
}
LONG: Final = {"prompt": "x", "num_inference_steps": 200}
SHORT: Final = {"prompt": "x", "num_inference_steps": 1, "size": "64x64"}


class Site(NamedTuple):
    server: Harness
    """The server to which nginx passes requests."""
    port: int
    """The port of nginx."""
    client: httpx2.Client
    """A client of nginx."""


@pytest.fixture(scope="module", params=[False, True], ids=["unbuffered", "buffered"])
def shared_site(
    request: pytest.FixtureRequest, serve: Serve, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    folder: Path = tmp_path_factory.mktemp("nginx")
    with serve(**SETTINGS) as server, nginx_before(server.port, folder, buffers=request.param) as port:
        url = f"http://127.0.0.1:{port}{PREFIX}"
        with httpx2.Client(base_url=url, headers={"Host": HOST}, timeout=60) as client:
            yield Site(server, port, client)


@pytest.fixture
def site(shared_site: Site) -> Site:
    shared_site.server.engine.reset()
    return shared_site


def head(method: str, path: str, *lines: str) -> bytes:
    return "\r\n".join([f"{method} {PREFIX}{path} HTTP/1.1", f"Host: {HOST}", *lines, "", ""]).encode()


def generation(**fields: object) -> bytes:
    body = json.dumps(fields).encode()
    lines = ("Content-Type: application/json", f"Content-Length: {len(body)}")
    return head("POST", "/v1/images/generations", *lines) + body


def is_served(site: Site) -> bool:
    """Returns whether another client gets an image."""
    return site.client.post("/v1/images/generations", json=SHORT).status_code == 200


@contextlib.contextmanager
def clients(site: Site, request: bytes) -> Iterator[list[socket.socket]]:
    """Opens clients with small buffers that have sent this."""
    with contextlib.ExitStack() as opened:
        connections = []
        for _ in range(CLIENTS):
            connection = opened.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.settimeout(60)
            connection.connect(("127.0.0.1", site.port))
            connection.sendall(request)
            connections.append(connection)
        yield connections


def test_clients_that_stop_reading_hold_nothing_of_the_server(site: Site) -> None:
    with clients(site, head("GET", "/openapi.json") * 3) as readers:
        for reader in readers:
            assert reader.recv(12) == b"HTTP/1.1 200"
        wait_until(lambda: is_served(site) and site.server.connections() <= 1)


def test_bodies_that_never_end_hold_nothing_of_the_server(site: Site) -> None:
    lines = ("Content-Type: application/json", "Content-Length: 100000")
    with clients(site, head("POST", "/v1/images/generations", *lines) + b"{") as writers:
        for _ in range(3):
            for writer in writers:
                writer.sendall(b" ")
            assert is_served(site)
        wait_until(lambda: site.server.connections() <= 1)
    assert len(site.server.engine.jobs) == 3, "those of the others"


@pytest.mark.parametrize("stream", [False, True])
def test_the_rows_of_a_client_that_hangs_up_are_freed(site: Site, *, stream: bool) -> None:
    engine = site.server.engine
    engine.held_before = (0, 2)
    with connected(site.port) as connection:
        connection.sendall(generation(**LONG, stream=stream))
        if stream:
            connection.recv(65536)
        wait_until(lambda: engine.steps > 0)
    wait_until(lambda: engine.jobs[0].canceled and engine.idle)
    assert engine.steps == 1


def test_nginx_takes_a_client_that_stops_sending_for_one_that_has_gone(site: Site) -> None:
    engine = site.server.engine
    engine.held_before = (0, 2)
    with connected(site.port) as connection:
        connection.sendall(generation(**LONG))
        wait_until(lambda: engine.steps > 0)
        connection.shutdown(socket.SHUT_WR)
        wait_until(lambda: engine.jobs[0].canceled and engine.idle)
        assert is_served(site)


def test_events_are_not_held_back(site: Site) -> None:
    """The image cannot be finished before its first events have arrived."""
    engine = site.server.engine
    engine.held_before = (0, 3)
    with connected(site.port) as connection:
        fields = {"prompt": "x", "num_inference_steps": 4, "partial_images": 1, "stream": True}
        connection.sendall(generation(**fields).replace(b"Host:", b"Connection: close\r\nHost:", 1))
        received = b""
        while b"partial_image" not in received:
            received += connection.recv(65536)
        engine.let_go()
        (answer,) = answers_in(received + read_to_end(connection))
    assert b"image_generation.completed" in answer.body


def test_addresses_in_answers_lead_through_nginx(site: Site) -> None:
    made = site.client.post("/api/v1/jobs", json={"prompt": "x", "num_inference_steps": 1})
    assert made.status_code == 202, made.text
    assert made.headers["Location"].startswith((f"http://{HOST}{PREFIX}/api/v1/jobs/", f"{PREFIX}/api/v1/jobs/"))
