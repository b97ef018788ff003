"""Starting and stopping a server process."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from benchmarks.peers.launch import StartFailed, running_server
from benchmarks.peers.servers import OURS, Server


def server_with(*command: str, health: str = "/") -> Server:
    return Server(OURS, "A server", command, api="plain", health=health)


async def test_a_server_is_ready_inside_the_context_and_gone_afterwards(tmp_path: Path) -> None:
    server = server_with("{python}", "-m", "http.server", "{port}", "--bind", "127.0.0.1", "--directory", "{scratch}")
    async with httpx2.AsyncClient(trust_env=False) as client:
        async with running_server(server, model=tmp_path, threads=1, log=tmp_path / "log", timeout_s=120.0) as running:
            assert (await client.get(running.url)).status_code == 200
        with pytest.raises(httpx2.ConnectError):
            await client.get(running.url)


async def test_a_server_that_exits_early_fails_with_its_output(tmp_path: Path) -> None:
    server = server_with("{python}", "-c", "raise SystemExit('no model here')")
    with pytest.raises(StartFailed, match="no model here"):
        async with running_server(server, model=tmp_path, threads=1, log=tmp_path / "log", timeout_s=120.0):
            pass


async def test_a_missing_environment_is_reported_with_the_remedy(tmp_path: Path) -> None:
    server = Server("nobody", "Nobody", ("{python}",), api="plain", health="/")
    with pytest.raises(StartFailed, match=r"run benchmarks/peers/setup\.sh"):
        async with running_server(server, model=tmp_path, threads=1, log=tmp_path / "log", timeout_s=1.0):
            pass
