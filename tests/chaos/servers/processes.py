"""Processes that the tests watch and signal, whether or not they are child processes; servers are among them."""

from __future__ import annotations

import contextlib
import http.client
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self

import msgspec

from tests.chaos.servers.prefork import StartCommand
from tests.chaos.servers.serve import ServerOptions
from tests.chaos.troubles.failpoints import Failpoints

TIMEOUT_S: Final = 120.0
"""Ends a run that hangs. No test measures time with it."""
_POLL_S: Final = 0.02
_LOG_LINES: Final = 100
"""Lines of a log that an error shows."""
_STACKS_S: Final = 1.0
"""Time in which a server writes its threads' stacks."""


def wait_until(holds: Callable[[], bool], what: str, *, timeout_s: float = TIMEOUT_S) -> None:
    """Poll until `holds` returns True. Raises TimeoutError, which names `what` was waited for."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout_s:.0f} s for {what}")
        time.sleep(_POLL_S)


class Process:
    """A process, referred to by a pidfd, because process ids are reused."""

    def __init__(self, pid: int) -> None:
        """Raises ProcessLookupError."""
        self.pid: Final = pid
        self._descriptor = os.pidfd_open(pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def has_ended(self) -> bool:
        ready, _, _ = select.select([self._descriptor], [], [], 0)
        return bool(ready)

    def send(self, number: signal.Signals) -> None:
        """Send a signal. Does nothing where the process has ended."""
        if not self.has_ended:
            signal.pidfd_send_signal(self._descriptor, number)

    def wait(self, what: str) -> None:
        """Wait until the process has ended. `what` names it in the error."""
        wait_until(lambda: self.has_ended, f"the end of {what}")

    @property
    def children(self) -> list[int]:
        try:
            return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]
        except FileNotFoundError:
            return []

    @property
    def resident_bytes(self) -> int:
        """Resident memory."""
        pages = Path(f"/proc/{self.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    @property
    def open_files(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def close(self) -> None:
        os.close(self._descriptor)


class Server(Process):
    """A server, its failpoints and its log."""

    def __init__(self, pid: int, failpoints: Failpoints, log: Path) -> None:
        super().__init__(pid)
        self.failpoints: Final = failpoints
        self._log = log
        self._url: str | None = None

    @property
    def url(self) -> str | None:
        """None until the server has printed it, which it does when it is ready."""
        if self._url is None and _output(self._log).exists():
            printed = _output(self._log).read_text()
            self._url = printed.strip() if printed.endswith("\n") else None
        return self._url

    @property
    def ready(self) -> bool:
        """Returns whether /readyz answers 200. Raises RuntimeError where the server has ended."""
        self._require_life()
        if self.url is None:
            return False
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=TIMEOUT_S)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def wait_until_ready(self) -> None:
        self._wait_until(lambda: self.ready, "a server that is ready")

    def _wait_until(self, holds: Callable[[], bool], what: str) -> None:
        try:
            wait_until(holds, what)
        except TimeoutError as error:
            self.send(signal.SIGUSR1)  # It writes to its log where each of its threads is.
            time.sleep(_STACKS_S)
            lines = [line for line in self._log.read_text().splitlines() if '"event": "request"' not in line]
            raise TimeoutError("\n".join([f"{error}; the end of its log:", *lines[-_LOG_LINES:]])) from None

    def _require_life(self) -> None:
        """Raises RuntimeError where the server has ended."""
        if self.has_ended:
            raise RuntimeError(f"the server ended unexpectedly: {self._log.read_text()[-2000:]}")

    def worker(self) -> Process:
        """Return the worker process. The caller must close it."""
        self._wait_until(lambda: self._living_child() is not None, "a worker")
        pid = self._living_child()
        return self.worker() if pid is None else Process(pid)

    def _living_child(self) -> int | None:
        """Return the id of the child that runs. A child that has ended remains listed until the server waits for it.

        Raises RuntimeError where the server itself has ended.
        """
        self._require_life()
        for pid in self.children:
            with contextlib.suppress(ProcessLookupError), Process(pid) as child:
                if not child.has_ended:
                    return pid
        return None


def _output(log: Path) -> Path:
    """Returns the file for the standard output of the server with this log."""
    return log.with_suffix(".out")


class Prefork:
    """The prefork process, which starts servers. They end when it does, at the latest."""

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "tests.chaos.servers.prefork"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def start(self, options: ServerOptions, environment: dict[str, str], log: Path) -> Server:
        """Return the server as soon as its process exists."""
        assert self._process.stdin is not None, "Popen was called with a pipe"
        assert self._process.stdout is not None, "Popen was called with a pipe"
        command = StartCommand(options, environment, str(log), str(_output(log)))
        self._process.stdin.write(msgspec.json.encode(command) + b"\n")
        self._process.stdin.flush()
        return Server(int(self._process.stdout.readline()), Failpoints(Path(options.failpoints)), log)
