"""A generator: a process of its own that runs one load when it is told to.

    python -m benchmarks.store.load.generate

Reads the load as a line of JSON, says that it is ready, waits for another line, and prints the result as JSON.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from types import TracebackType
from typing import Final, Self

import msgspec

from benchmarks.store.load import closed_loop, health, open_loop, streams
from benchmarks.store.load.plans import ClosedLoop, Followers, Load, OpenLoop, Probes, Result
from benchmarks.store.servers.versions import ROOT

_READY: Final = b"ready\n"
_SLACK_S: Final = 120.0
"""A generator that takes longer than its load by so much is ended."""


class Generator:
    """A generator's process, which is ready when the context is entered."""

    def __init__(self, load: Load) -> None:
        self._load = load

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.store.load.generate"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._write(msgspec.json.encode(self._load))
        assert self._process.stdout is not None
        if self._process.stdout.readline() != _READY:
            raise RuntimeError("the generator did not start")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def start(self) -> None:
        self._write(b"go")

    def result(self) -> Result:
        """Waits for the end of the load. Raises `TimeoutExpired`, and RuntimeError where the generator failed."""
        output, _ = self._process.communicate(timeout=self._load.seconds + _SLACK_S)
        if self._process.returncode:
            raise RuntimeError("the generator failed: its error is above")
        return msgspec.json.decode(output, type=Result)

    def _write(self, line: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + b"\n")
        self._process.stdin.flush()


async def run(load: Load) -> Result:
    match load:
        case ClosedLoop():
            return await closed_loop.run(load)
        case OpenLoop():
            return await open_loop.run(load)
        case Probes():
            return await health.run(load)
        case Followers():
            return await streams.run(load)


def main() -> None:
    load: Load = msgspec.json.decode(sys.stdin.buffer.readline(), type=Load)
    sys.stdout.buffer.write(_READY)
    sys.stdout.buffer.flush()
    sys.stdin.buffer.readline()
    sys.stdout.buffer.write(msgspec.json.encode(asyncio.run(run(load))))


if __name__ == "__main__":
    main()
