"""Runs a real HTTP server around the fake engine, in a thread of the test's process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2

from service.api.admin import create_admin_app
from service.engine.interface import Phase
from service.observability.metrics import Metrics
from service.server.app import create_app
from service.server.listeners import Server, uvicorn_config
from service.settings import Settings
from tests.harness.engine.fake_engine import FakeEngine
from tests.harness.wire.raw_http import connected


@dataclass(frozen=True, slots=True, kw_only=True)
class Harness:
    """A running server. `engine` belongs to the server's thread; tests may set its flags and read its counts."""

    engine: FakeEngine
    metrics: Metrics
    url: str
    admin_url: str
    port: int
    data_dir: Path
    stop_engine: Callable[[], None]
    """Stops the engine at once, as at the end of a drain."""
    connections: Callable[[], int]
    """Returns the number of open connections."""
    client: httpx2.Client
    post: Callable[..., httpx2.Response]
    """Sends its keyword arguments as the fields of POST /v1/images/generations."""


def post_and_hang_up(server: Harness, path: str, body: object, when: Callable[[], bool]) -> None:
    """Sends a POST with a body in JSON, and closes the connection once `when` holds."""
    content = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with connected(server.port) as connection:
        connection.sendall(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
        wait_until(when)


def wait_until(holds: Callable[[], bool]) -> None:
    """Poll until another thread has made `holds` true. The deadline only ends a broken test that would hang."""
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def serve_in_thread(
    settings: Settings, *, data_dir: Path | None = None, phase: Phase = Phase.SERVING
) -> Iterator[Harness]:
    """Run a server and yield its harness. Servers with the same `data_dir` share their jobs; the default is new."""
    engine, metrics = FakeEngine(), Metrics()
    engine.phase = phase
    data_dir = data_dir or Path(tempfile.mkdtemp(dir=settings.data_dir))
    settings = settings.model_copy(update={"data_dir": data_dir})
    app = create_app(settings, engine, metrics)
    servers = [
        Server(uvicorn_config(app, settings, metrics)),
        Server(uvicorn_config(create_admin_app(app.state.services), settings, metrics, "admin")),
    ]
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in servers]
    ports = [listener.getsockname()[1] for listener in listeners]

    loops: list[asyncio.AbstractEventLoop] = []

    async def serve() -> None:
        loops.append(asyncio.get_running_loop())
        await asyncio.gather(
            *(server.serve(sockets=[listener]) for server, listener in zip(servers, listeners, strict=True))
        )

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    wait_until(lambda: all(server.started for server in servers))
    url = f"http://127.0.0.1:{ports[0]}"
    with contextlib.ExitStack() as stack:
        stack.callback(thread.join)
        for server in servers:
            stack.callback(setattr, server, "should_exit", True)
        client = stack.enter_context(httpx2.Client(base_url=url, timeout=60))

        def post(**fields: object) -> httpx2.Response:
            return client.post("/v1/images/generations", json=fields)

        yield Harness(
            engine=engine,
            metrics=metrics,
            url=url,
            admin_url=f"http://127.0.0.1:{ports[1]}",
            port=ports[0],
            data_dir=data_dir,
            stop_engine=lambda: asyncio.run_coroutine_threadsafe(engine.stop(), loops[0]).result(),
            connections=lambda: len(servers[0].server_state.connections),
            client=client,
            post=post,
        )


serving = contextlib.contextmanager(serve_in_thread)
"""`serve_in_thread` as a context manager."""
