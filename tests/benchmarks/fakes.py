"""Fake servers: two in virtual time, and one that responds over real HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import uvicorn
from PIL import Image

from benchmarks.workload import Mix, Request, RequestClass
from tests.benchmarks import virtual_time

SMALL_MIX = Mix(steps=(4, 20), guidance_scales=(1.0,), sizes=((128, 128),))
STEP_S = 0.01
SOLO_S = {one: STEP_S * one.steps for one in SMALL_MIX.classes}

Response = tuple[int, bytes]


def png(size: tuple[int, int] = (128, 128)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, "red").save(file, "PNG")
    return file.getvalue()


class OneAtATime:
    """Processes requests one after another in virtual time, with `STEP_S` per step."""

    start_s = 2.0

    def __init__(self, image: bytes = b"") -> None:
        self.sent: list[tuple[float, Request]] = []
        self._image = image
        self._lock = asyncio.Lock()

    async def send(self, request: Request) -> bytes:
        self.sent.append((virtual_time.now(), request))
        async with self._lock:
            await asyncio.sleep(STEP_S * request.steps)
        return self._image


class UnlimitedServer:
    """Takes a request's solo time, however many requests it processes at once."""

    start_s = 1.0

    async def send(self, request: Request) -> bytes:
        await asyncio.sleep(SOLO_S[RequestClass(request.steps, False, request.size)])
        return b""


class FakeServer:
    """Responds to POST requests with the status and body that `respond` returns for their JSON body."""

    def __init__(self, respond: Callable[[dict[str, Any]], Awaitable[Response]]) -> None:
        self.bodies: list[dict[str, Any]] = []
        self._respond = respond

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        content, more = b"", True
        while more:
            message = await receive()
            content += message.get("body", b"")
            more = message.get("more_body", False)
        body = json.loads(content)
        self.bodies.append(body)
        status, content = await self._respond(body)
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": content})


@contextlib.asynccontextmanager
async def serving(app: Any) -> AsyncIterator[str]:
    """Serves `app` on loopback and yields its base URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_level="critical"))
        running = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await running
