"""The whole server, from the socket to the worker process and back, with a fake pipeline in the worker."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from service.engine.messages import Beat, CallDone, Canceled, FromWorker
from service.observability.metrics import Metrics
from service.server.app import create_app
from service.server.listeners import Server, uvicorn_config
from service.settings import Settings
from tests.harness.engine.local_engine import Observed, serving

CALL_S = 0.3
"""Seconds of a UNet call: much longer than the server takes to notice that a client hung up, even on a busy machine."""


@asynccontextmanager
async def running_server() -> AsyncIterator[tuple[int, Observed]]:
    """Runs a server whose UNet calls take `CALL_S`. Yields its port and the messages of its worker."""
    settings = Settings(port=0, admin_port=None)
    async with serving("--call-s", str(CALL_S), warm_up_s=0.001) as (engine, observed):
        metrics = Metrics()
        server = Server(uvicorn_config(create_app(settings, engine, metrics), settings, metrics))
        listener = socket.create_server(("127.0.0.1", 0))
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield listener.getsockname()[1], observed
        finally:
            server.should_exit = True
            await task


def request(stream: bool) -> bytes:
    body = json.dumps({"prompt": "x", "steps": 100, "stream": stream, "partial_images": 3}).encode()
    head = "POST /v1/images/generations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_hangs_up_frees_its_rows_within_two_steps(stream: bool) -> None:
    async with running_server() as (port, observed):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request(stream))
        await observed.count(CallDone, 2)
        calls = sum(isinstance(message, CallDone) for message in observed.messages)
        writer.close()
        await observed.count(Canceled)
        await observed.until(_idle_since_the_cancel)
    # The call that was running, and at most two more.
    assert sum(isinstance(message, CallDone) for message in observed.messages) <= calls + 3


def _idle_since_the_cancel(messages: list[FromWorker]) -> bool:
    canceled = next(index for index, message in enumerate(messages) if isinstance(message, Canceled))
    return any(isinstance(message, Beat) and message.active == 0 for message in messages[canceled:])
