"""Runs the programs of other people's services beside each other, and ends them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx2
import pytest

START_S = 300.0
"""Upper bound on a start, far longer than it takes on a busy machine."""


def call(*command: str | Path, **options: Any) -> str:
    """Run a command to its end and return its output. Fails with that output where it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **options)
    assert done.returncode == 0, f"{command[0]} failed:\n{done.stdout[-4000:]}"
    return str(done.stdout)


@contextlib.contextmanager
def running(
    command: Sequence[str | Path], log: Path, *, environment: Mapping[str, str] | None = None, **options: Any
) -> Iterator[subprocess.Popen[bytes]]:
    """A process with its output in a file. It and its children are ended at the end of the block."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            list(map(str, command)), env=environment, stdout=output, stderr=output, start_new_session=True, **options
        )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_until(holds: Callable[[], bool], what: str, *processes: subprocess.Popen[bytes]) -> None:
    """Poll until `holds`, and fail where that takes too long or one of the processes ends."""
    deadline = time.monotonic() + START_S
    while not holds():
        ended = [process.args for process in processes if process.poll() is not None]
        if ended or time.monotonic() > deadline:
            pytest.fail(f"{what} did not come; ended: {ended}")
        time.sleep(0.2)


def answers(url: str, **options: Any) -> bool:
    """Returns whether GET answers 200 there."""
    try:
        return httpx2.get(url, timeout=10, **options).status_code == 200
    except httpx2.TransportError:
        return False
