"""Starts a server on a free loopback port, waits until it is ready, and stops it."""

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

from benchmarks.peers.servers import ROOT, LaunchOptions, Server, environment

_POLL_INTERVAL_S: Final = 0.2
_POLL_TIMEOUT_S: Final = 10.0
"""A health request that arrives too early may never be answered, so it is repeated after this time."""
_STOP_TIMEOUT_S: Final = 40.0


class StartFailed(Exception):
    """A server did not become ready. The message names the server and ends with the last lines of its log."""


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that is ready for requests."""

    url: str
    start_s: float
    """Seconds from the start until it was ready."""


@contextlib.asynccontextmanager
async def running_server(
    server: Server, *, model: Path, threads: int, log: Path, timeout_s: float
) -> AsyncIterator[RunningServer]:
    """Runs the server while the context is open, and appends its output to the file `log`.

    Raises `StartFailed` where it exits or is not ready within `timeout_s`.
    """
    if not server.python.exists():
        raise StartFailed(f"{server.name}: the environment is missing; run benchmarks/peers/setup.sh to create it")
    with tempfile.TemporaryDirectory(prefix="darkroom-bench-") as folder, log.open("ab") as output:
        options = LaunchOptions(port=_free_port(), model=model, threads=threads, scratch=Path(folder))
        start_s = time.perf_counter()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benchmarks.peers.reaper"),
            *server.arguments(options),
            cwd=ROOT,
            env=environment(options),
            stdin=asyncio.subprocess.PIPE,
            stdout=output,
            stderr=output,
        )
        try:
            url = f"http://127.0.0.1:{options.port}"
            await _wait_until_ready(server, url, process, log, timeout_s)
            yield RunningServer(url, time.perf_counter() - start_s)
        finally:
            await _stop(process)


async def _wait_until_ready(
    server: Server, url: str, process: asyncio.subprocess.Process, log: Path, timeout_s: float
) -> None:
    try:
        async with (
            asyncio.timeout(timeout_s),
            httpx2.AsyncClient(base_url=url, timeout=_POLL_TIMEOUT_S, trust_env=False) as client,
        ):
            while not await _is_ready(client, server.health):
                if process.returncode is not None:
                    raise StartFailed(f"{server.name} exited with status {process.returncode}:\n{_tail(log)}")
                await asyncio.sleep(_POLL_INTERVAL_S)
    except TimeoutError:
        raise StartFailed(f"{server.name} was not ready within {timeout_s:.0f} s:\n{_tail(log)}") from None


async def _is_ready(client: httpx2.AsyncClient, path: str) -> bool:
    try:
        response = await client.get(path)
    except httpx2.RequestError:
        return False
    return response.status_code == httpx2.codes.OK


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(_STOP_TIMEOUT_S):
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
