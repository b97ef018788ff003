"""Servers that are none: one that works jobs off one after another in virtual time, one that answers real HTTP."""

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

from benchmarks.workload import Job, JobClass, Mix
from tests.benchmarks import virtual_time

SMALL = Mix(steps=(4, 20), guidance_scales=(1.0,), sizes=((128, 128),))
STEP_S = 0.01
SOLO_S = {kind: STEP_S * kind.steps for kind in SMALL.kinds}

Answer = tuple[int, bytes]


def png(size: tuple[int, int] = (128, 128)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, "red").save(file, "PNG")
    return file.getvalue()


class OneAtATime:
    """Takes `STEP_S` a step, and lets the others wait. In virtual time."""

    start_s = 2.0

    def __init__(self, image: bytes = b"") -> None:
        self.sent: list[tuple[float, Job]] = []
        self._image = image
        self._lock = asyncio.Lock()

    async def send(self, job: Job) -> bytes:
        self.sent.append((virtual_time.now(), job))
        async with self._lock:
            await asyncio.sleep(STEP_S * job.steps)
        return self._image


class Instant:
    """Takes a job's solo time, whatever else it does."""

    start_s = 1.0

    async def send(self, job: Job) -> bytes:
        await asyncio.sleep(SOLO_S[JobClass(job.steps, False, job.size)])
        return b""


class FakeServer:
    """Answers POST requests as `answer` says of their JSON bodies."""

    def __init__(self, answer: Callable[[dict[str, Any]], Awaitable[Answer]]) -> None:
        self.bodies: list[dict[str, Any]] = []
        self._answer = answer

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        content, more = b"", True
        while more:
            message = await receive()
            content += message.get("body", b"")
            more = message.get("more_body", False)
        body = json.loads(content)
        self.bodies.append(body)
        status, answer = await self._answer(body)
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": answer})


@contextlib.asynccontextmanager
async def serving(app: Any) -> AsyncIterator[str]:
    """The base URL of `app` on loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_level="critical"))
        running = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await running
