"""Starts one server on a free loopback port, waits until it is ready, and ends it. Sends it no jobs."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx2

from benchmarks.peers.servers import ROOT, Place, Server, environment

_LOOK_S: Final = 0.2
_LOOK_TIMEOUT_S: Final = 10.0
"""A look that came too early may never be answered, so it is given up and another taken."""
_END_S: Final = 40.0


class StartFailed(Exception):
    """A server did not come up. The message names the server, and the end of what it wrote."""


@dataclass(frozen=True, slots=True)
class Running:
    url: str
    start_s: float
    """From its start until it was ready."""


@contextlib.asynccontextmanager
async def launched(server: Server, *, model: Path, threads: int, log: Path, timeout_s: float) -> AsyncIterator[Running]:
    """The server, ready; what it writes goes to the file `log`. Raises `StartFailed`."""
    if not server.python.exists():
        raise StartFailed(f"{server.name}: its environment is missing; benchmarks/peers/setup.sh makes it")
    with tempfile.TemporaryDirectory(prefix="darkroom-bench-") as folder, log.open("ab") as output:
        place = Place(port=_free_port(), model=model, threads=threads, scratch=Path(folder))
        begin_s = time.perf_counter()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benchmarks.peers.reaper"),
            *server.arguments(place),
            cwd=ROOT,
            env=environment(place),
            stdin=asyncio.subprocess.PIPE,
            stdout=output,
            stderr=output,
        )
        try:
            url = f"http://127.0.0.1:{place.port}"
            await _ready(server, url, process, log, timeout_s)
            yield Running(url, time.perf_counter() - begin_s)
        finally:
            await _end(process)


async def _ready(server: Server, url: str, process: asyncio.subprocess.Process, log: Path, timeout_s: float) -> None:
    try:
        async with (
            asyncio.timeout(timeout_s),
            httpx2.AsyncClient(base_url=url, timeout=_LOOK_TIMEOUT_S, trust_env=False) as client,
        ):
            while not await _is_ready(client, server.health):
                if process.returncode is not None:
                    raise StartFailed(f"{server.name} ended with status {process.returncode}:\n{_tail(log)}")
                await asyncio.sleep(_LOOK_S)
    except TimeoutError:
        raise StartFailed(f"{server.name} was not ready within {timeout_s:.0f} s:\n{_tail(log)}") from None


async def _is_ready(client: httpx2.AsyncClient, path: str) -> bool:
    try:
        response = await client.get(path)
    except httpx2.RequestError:
        return False
    return response.status_code == httpx2.codes.OK


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(_END_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _tail(log: Path, lines: int = 15) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
