"""Disks that are full or fail, and databases that are locked: made outside the server, without its help."""

from __future__ import annotations

import contextlib
import errno
import signal
import sqlite3
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.chaos.servers.processes import Process, wait_until

_BLOCK: Final = bytes(64 << 10)


class NotPermittedError(Exception):
    """This account may not do that on this machine."""


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[None]:
    """A disk of its own at `folder`. Raises `NotPermittedError`."""
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mounting, check=False, capture_output=True, text=True)
    except OSError as error:
        raise NotPermittedError(f"mount: {error.strerror}") from error
    if done.returncode:
        raise NotPermittedError(done.stderr.strip())
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextlib.contextmanager
def full(disk: Path) -> Iterator[None]:
    """A disk on which there is not a byte left."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(_BLOCK)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
    try:
        yield
    finally:
        ballast.unlink()


@contextlib.contextmanager
def locked(database: Path) -> Iterator[None]:
    """A SQLite database in which nobody else can write."""
    with contextlib.closing(sqlite3.connect(database, isolation_level=None, timeout=60)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")


@contextlib.contextmanager
def traced(process: Process, strace: str, log: Path, options: Sequence[str]) -> Iterator[None]:
    """With strace(1), the program `strace`, on all threads; `log` gets a line for each call.

    Raises `NotPermittedError`.
    """
    command = [strace, "-f", "-p", str(process.pid), "-o", str(log), *options]
    try:
        tracer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    except OSError as error:
        raise NotPermittedError(f"strace: {error.strerror}") from error
    with tracer:
        try:
            wait_until(lambda: tracer.poll() is not None or _is_traced(process), "strace")
            if tracer.poll() is not None:
                _, said = tracer.communicate()
                raise NotPermittedError(said.strip())
            yield
        finally:
            tracer.send_signal(signal.SIGINT)  # On which it lets go of the process.
            tracer.communicate()


def _is_traced(process: Process) -> bool:
    """All of its threads."""
    tracers = [
        line.split()[1]
        for status in Path(f"/proc/{process.pid}/task").glob("*/status")
        for line in status.read_text().splitlines()
        if line.startswith("TracerPid:")
    ]
    return bool(tracers) and "0" not in tracers


@dataclass(frozen=True, slots=True)
class Injection:
    """System calls that fail instead of being made."""

    call: str
    """Its name, or as strace(1) has sets of them."""
    error: str
    """EIO, ENOSPC ..."""
    when: str
    """Which of a thread's calls fail, as in strace(1): 3, 3+, 3+2 ..."""
    paths: tuple[Path, ...] = ()
    """Only where they concern these files; none stands for all."""

    def into(self, process: Process, strace: str, log: Path) -> contextlib.AbstractContextManager[None]:
        """As `traced`."""
        options = ["-e", f"trace={self.call}", "-e", f"inject={self.call}:error={self.error}:when={self.when}"]
        return traced(process, strace, log, [*options, *(part for path in self.paths for part in ("-P", str(path)))])


def injected(log: Path) -> int:
    """Calls that failed for it."""
    return log.read_text().count("(INJECTED)")
