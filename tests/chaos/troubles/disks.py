"""Full disks, failing system calls and locked databases. They are set up outside the server, without its help."""

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
    """The operating system does not permit this user to set up the fault."""


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[None]:
    """Mount a file system of this size at `folder`. Raises `NotPermittedError`."""
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
    """Fill the file system of `disk` to the last byte."""
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
    """Hold an exclusive lock on a SQLite database, so that nobody else can write to it."""
    with contextlib.closing(sqlite3.connect(database, isolation_level=None, timeout=60)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")


@contextlib.contextmanager
def traced(process: Process, strace: str, log: Path, options: Sequence[str]) -> Iterator[None]:
    """Attach strace(1) to all threads of a process. `strace` is the program's path; `log` gets a line for each call.

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
                _, message = tracer.communicate()
                raise NotPermittedError(message.strip())
            yield
        finally:
            tracer.send_signal(signal.SIGINT)  # It detaches from the process and ends.
            tracer.communicate()


def _is_traced(process: Process) -> bool:
    """Return whether all threads of the process are traced."""
    tracers = [
        line.split()[1]
        for status in Path(f"/proc/{process.pid}/task").glob("*/status")
        for line in status.read_text().splitlines()
        if line.startswith("TracerPid:")
    ]
    return bool(tracers) and "0" not in tracers


@dataclass(frozen=True, slots=True)
class Injection:
    """System calls that fail instead of being executed."""

    call: str
    """Name of the call, or a set of calls in the notation of strace(1)."""
    error: str
    """EIO, ENOSPC ..."""
    when: str
    """The calls of a thread that fail, in the notation of strace(1): 3, 3+, 3+2 ..."""
    paths: tuple[Path, ...] = ()
    """The calls fail only on these files; empty stands for all files."""

    def inject(self, process: Process, strace: str, log: Path) -> contextlib.AbstractContextManager[None]:
        """Make the calls of a process fail while the context lasts. Raises `NotPermittedError` on entry."""
        options = ["-e", f"trace={self.call}", "-e", f"inject={self.call}:error={self.error}:when={self.when}"]
        return traced(process, strace, log, [*options, *(part for path in self.paths for part in ("-P", str(path)))])


def count_injected(log: Path) -> int:
    """Return how many calls were made to fail, from the log of strace."""
    return log.read_text().count("(INJECTED)")
