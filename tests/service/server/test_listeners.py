"""The settings of listeners and connections that docs/decisions/0009-network-defaults.md decides."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import socket
from collections.abc import AsyncIterator, Iterator

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from service.observability.edge_metrics import EdgeMetrics
from service.server.connections.protocol import BoundedHttpProtocol
from service.server.listeners import LAST_ANSWERS_S, Server, last_answers_s, uvicorn_config
from service.settings import Settings
from tests.harness.wire.http_server import Harness, serve_in_thread
from tests.harness.wire.raw_http import GET, LAST_GET, answers_in, connected, read_to_end


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """An ASGI application that reads the request's body and answers with the names of its headers."""
    if scope["type"] == "lifespan":
        await run_lifespan(receive, send)
        return
    while (await receive()).get("more_body"):
        pass
    await respond(b" ".join(name for name, _ in scope["headers"]), send)


async def run_lifespan(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def respond(body: bytes, send: Send) -> None:
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@contextlib.asynccontextmanager
async def serving(
    app: ASGIApp, settings: Settings
) -> AsyncIterator[tuple[Server, asyncio.StreamReader, asyncio.StreamWriter]]:
    """Runs a server. Yields it with the reader and the writer of one connection to it."""
    server = Server(uvicorn_config(app, settings, EdgeMetrics()))
    listener = socket.create_server(("127.0.0.1", 0))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    reader, writer = await asyncio.open_connection(*listener.getsockname())
    yield server, reader, writer
    writer.close()
    server.should_exit = True
    await task


async def test_connections_send_without_delay_and_probe_idle_clients() -> None:
    async with serving(echo, Settings()) as (server, reader, writer):
        writer.write(GET)
        await reader.readline()
        (connection,) = server.server_state.connections
        assert isinstance(connection, BoundedHttpProtocol)
        accepted = connection.transport.get_extra_info("socket")
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 60


async def test_context_variables_of_a_request_do_not_reach_the_next_one() -> None:
    seen: contextvars.ContextVar[bytes] = contextvars.ContextVar("seen", default=b"nothing")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await run_lifespan(receive, send)
            return
        before = seen.get()
        seen.set(b"a secret")
        while (await receive()).get("more_body"):
            pass
        await respond(before, send)

    async with serving(app, Settings()) as (_, reader, writer):
        for _ in range(2):
            # The body is so large that the server pauses reading and resumes it from within the request.
            writer.write(b"POST / HTTP/1.1\r\nContent-Length: 500000\r\n\r\n" + bytes(500_000))
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 ")
            assert await reader.readexactly(7 if b"length: 7\r" in head else 8) == b"nothing"


async def test_a_trailer_is_not_passed_on_as_a_header() -> None:
    async with serving(echo, Settings()) as (_, reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nIdempotency-Key: a\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        assert await reader.read(65536) == b"transfer-encoding"
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        assert await reader.read(65536) == b"host"


async def test_an_application_that_cannot_start_is_not_served() -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise OSError("no database")

    server = Server(uvicorn_config(broken, Settings(), EdgeMetrics()))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        task = asyncio.create_task(server.serve(sockets=[listener]))
        while not (server.started or task.done()):  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        server.should_exit = True
        await task
    assert not server.started


@pytest.fixture(scope="module")
def short_keep_alive() -> Iterator[Harness]:
    """A server that closes idle connections after a fifth of a second."""
    yield from serve_in_thread(Settings(keep_alive_timeout_s=0.2))


def test_an_idle_connection_is_closed_after_the_keep_alive_timeout(short_keep_alive: Harness) -> None:
    with connected(short_keep_alive.port) as connection:
        connection.sendall(GET)
        (answer,) = answers_in(read_to_end(connection))
        assert (answer.status, answer.closes) == (200, False)


def test_idle_connections_are_kept_longer_than_a_load_balancers_60_seconds() -> None:
    assert uvicorn_config(echo, Settings(), EdgeMetrics()).timeout_keep_alive == 75


def test_a_connection_in_use_is_kept(short_keep_alive: Harness) -> None:
    with connected(short_keep_alive.port) as connection:
        connection.sendall(GET + LAST_GET)
        assert [answer.status for answer in answers_in(read_to_end(connection))] == [200, 200]


@pytest.mark.parametrize(("left_s", "readers_have_s"), [(0.0, LAST_ANSWERS_S), (5.5, 5), (3600.0, 10)])
def test_slow_readers_have_what_the_drain_has_left_within_bounds(left_s: float, readers_have_s: int) -> None:
    assert last_answers_s(left_s) == readers_have_s
