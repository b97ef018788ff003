"""A worker process from its start to its end."""

from __future__ import annotations

import asyncio
import fcntl
import sys
from pathlib import Path

import pytest

from service.engine.config import WorkerConfig
from service.engine.frontend.worker_process import WorkerProcess
from service.engine.messages import Drain, FromWorker, Loading, Ready
from tests.harness.engine.local_engine import TIMEOUT_S

CONFIG = WorkerConfig(model="fake")
FAKE_WORKER = (sys.executable, "-m", "tests.harness.engine.fake_worker")
GARBAGE = """
import socket, sys
connection = socket.socket(fileno=int(sys.argv[sys.argv.index("--fd") + 1]))
connection.sendall({content!r})
connection.recv(1)
"""

FORKING_WORKER = """
import fcntl, os, socket, sys, time
from service.engine.messages import Loading, pack
connection = socket.socket(fileno=int(sys.argv[sys.argv.index("--fd") + 1]))
lock = open({lock!r}, "w")
fcntl.flock(lock, fcntl.LOCK_EX)
if os.fork() == 0:
    time.sleep(600)
connection.sendall(pack(Loading("forked")))
connection.recv(1)
"""


def wait_for_lock(path: Path) -> None:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)


async def messages_of(process: WorkerProcess) -> list[FromWorker]:
    """Reads until the process is gone or breaks the protocol."""
    received = []
    async with asyncio.timeout(TIMEOUT_S):
        while (message := await process.receive()) is not None:
            received.append(message)
    return received


async def test_a_worker_reports_its_start_and_exits_with_0_when_it_is_told_to_drain() -> None:
    process = await WorkerProcess.spawn(FAKE_WORKER, CONFIG)
    process.send(Drain())
    received = await messages_of(process)

    assert isinstance(received[0], Loading)
    assert received[0].phase == "loading"
    assert any(isinstance(message, Ready) for message in received)
    assert await process.end(TIMEOUT_S) == 0


async def test_a_worker_exits_when_its_connection_is_closed() -> None:
    process = await WorkerProcess.spawn(FAKE_WORKER, CONFIG)
    await process.receive()

    assert await process.end(TIMEOUT_S) not in (None, 0)


async def test_the_environment_of_a_worker_holds_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DARKROOM_DATABASE_URL", "postgresql://me:cAnArY7@db/jobs")
    monkeypatch.setenv("DARKROOM_API_KEY", "cAnArY8")
    monkeypatch.setenv("PGPASSWORD", "cAnArY9")
    monkeypatch.setenv("HF_HOME", "/where/models/are")
    process = await WorkerProcess.spawn(FAKE_WORKER, CONFIG)
    await process.receive()  # The process has begun to run the command.
    about = Path(f"/proc/{process.pid}")
    environment, command = (about / "environ").read_bytes(), (about / "cmdline").read_bytes()
    await process.kill(TIMEOUT_S)

    assert b"HF_HOME=/where/models/are" in environment
    assert b"cAnArY" not in environment + command
    assert b"DARKROOM_" not in environment


async def test_a_killed_worker_has_the_status_of_its_signal() -> None:
    process = await WorkerProcess.spawn(FAKE_WORKER, CONFIG)

    assert await process.kill(TIMEOUT_S) == -9


@pytest.mark.parametrize("kill", [True, False], ids=["killed", "exits-by-itself"])
async def test_the_children_of_a_worker_end_with_it(tmp_path: Path, kill: bool) -> None:
    """The child has the worker's lock on a file: the lock is free when both processes are gone."""
    lock = tmp_path / "lock"
    process = await WorkerProcess.spawn([sys.executable, "-c", FORKING_WORKER.format(lock=str(lock))], CONFIG)
    assert await process.receive() == Loading("forked")

    assert await (process.kill(TIMEOUT_S) if kill else process.end(TIMEOUT_S)) is not None
    async with asyncio.timeout(TIMEOUT_S):
        await asyncio.to_thread(wait_for_lock, lock)


async def test_a_command_that_cannot_be_run_raises_an_os_error() -> None:
    with pytest.raises(OSError, match="No such file"):
        await WorkerProcess.spawn(["/nonexistent/python"], CONFIG)


@pytest.mark.parametrize("content", [b"\xff\xff\xff\xff", b"\x03\0\0\0\xc1\xc1\xc1"], ids=["too-long", "no-message"])
async def test_a_worker_that_breaks_the_protocol_counts_as_gone(content: bytes) -> None:
    process = await WorkerProcess.spawn([sys.executable, "-c", GARBAGE.format(content=content)], CONFIG)

    assert await messages_of(process) == []
    assert await process.end(TIMEOUT_S) == 0
