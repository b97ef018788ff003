"""What listeners and connections are set to, as docs/decisions/0009-network-defaults.md decides."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import socket
from collections.abc import AsyncIterator, Iterator

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from service.server.http_limits import BoundedHttpProtocol
from service.server.listeners import Server, listen, uvicorn_config
from service.settings import Settings
from tests.harness.http_server import Harness, serve_in_thread
from tests.harness.raw_http import GET, LAST_GET, answers_in, connected, read_to_end


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the names of the request's headers, once its body is in."""
    if scope["type"] == "lifespan":
        await start(receive, send)
        return
    while (await receive()).get("more_body"):
        pass
    await say(b" ".join(name for name, _ in scope["headers"]), send)


async def start(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def say(body: bytes, send: Send) -> None:
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@contextlib.asynccontextmanager
async def serving(
    app: ASGIApp, settings: Settings
) -> AsyncIterator[tuple[Server, asyncio.StreamReader, asyncio.StreamWriter]]:
    """The server, and the two ends of a connection to it."""
    server = Server(uvicorn_config(app, settings))
    listener = socket.create_server(("127.0.0.1", 0))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    reader, writer = await asyncio.open_connection(*listener.getsockname())
    yield server, reader, writer
    writer.close()
    server.should_exit = True
    await task


async def test_a_connection_sends_at_once_and_notices_a_client_that_vanished() -> None:
    async with serving(echo, Settings()) as (server, reader, writer):
        writer.write(GET)
        await reader.readline()
        (connection,) = server.server_state.connections
        assert isinstance(connection, BoundedHttpProtocol)
        accepted = connection.transport.get_extra_info("socket")
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 60


async def test_what_one_request_sets_in_its_context_the_next_does_not_see() -> None:
    seen: contextvars.ContextVar[bytes] = contextvars.ContextVar("seen", default=b"nothing")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await start(receive, send)
            return
        before = seen.get()
        seen.set(b"a secret")
        while (await receive()).get("more_body"):
            pass
        await say(before, send)

    async with serving(app, Settings()) as (_, reader, writer):
        for _ in range(2):
            # So large that reading is paused, and goes on from within the request.
            writer.write(b"POST / HTTP/1.1\r\nContent-Length: 500000\r\n\r\n" + bytes(500_000))
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 ")
            assert await reader.readexactly(7 if b"length: 7\r" in head else 8) == b"nothing"


async def test_a_trailer_does_not_pass_for_a_header() -> None:
    async with serving(echo, Settings()) as (_, reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nIdempotency-Key: a\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        assert await reader.read(65536) == b"transfer-encoding"
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        assert await reader.read(65536) == b"host"


async def test_an_application_that_cannot_start_is_not_served() -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise OSError("no database")

    server = Server(uvicorn_config(broken, Settings()))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        task = asyncio.create_task(server.serve(sockets=[listener]))
        while not (server.started or task.done()):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        server.should_exit = True
        await task
    assert not server.started


@pytest.fixture(scope="module")
def hasty() -> Iterator[Harness]:
    """A server that gives up idle connections at once, and nothing else."""
    yield from serve_in_thread(Settings(keep_alive_timeout_s=0.2))


def test_an_idle_connection_is_closed_after_the_time_that_is_set(hasty: Harness) -> None:
    with connected(hasty.port) as connection:
        connection.sendall(GET)
        (answer,) = answers_in(read_to_end(connection))
        assert (answer.status, answer.closes) == (200, False)


def test_idle_connections_outlast_those_that_balancers_keep_for_a_minute() -> None:
    assert uvicorn_config(echo, Settings()).timeout_keep_alive == 75


def test_every_address_includes_those_of_ipv4() -> None:
    with listen("::", 0) as listener:
        port = listener.getsockname()[1]
        socket.create_connection(("127.0.0.1", port), timeout=60).close()
        socket.create_connection(("::1", port), timeout=60).close()


def test_an_address_that_is_taken_is_named() -> None:
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(OSError, match=f"127.0.0.1:{port}: "):
            listen("127.0.0.1", port)


def test_a_connection_is_kept_while_it_is_used(hasty: Harness) -> None:
    with connected(hasty.port) as connection:
        connection.sendall(GET + LAST_GET)
        assert [answer.status for answer in answers_in(read_to_end(connection))] == [200, 200]
