"""Processes that the tests watch and signal, be they children of theirs or not, and the servers among them."""

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

from tests.chaos.servers.prefork import Birth
from tests.chaos.servers.serve import ServerOptions
from tests.chaos.troubles.points import Trap

PATIENCE_S: Final = 120.0
"""Keeps a broken run from hanging; nothing is measured by it."""
_LOOK_S: Final = 0.02


def wait_until(holds: Callable[[], bool], what: str, *, timeout_s: float = PATIENCE_S) -> None:
    """For what another process is about to do. Raises TimeoutError."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"in vain: {what}")
        time.sleep(_LOOK_S)


class Process:
    """By a descriptor of its own, as ids are used again."""

    def __init__(self, pid: int) -> None:
        """Raises ProcessLookupError."""
        self.pid: Final = pid
        self._descriptor = os.pidfd_open(pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def gone(self) -> bool:
        ready, _, _ = select.select([self._descriptor], [], [], 0)
        return bool(ready)

    def send(self, number: signal.Signals) -> None:
        """Nothing happens to one that is gone."""
        if not self.gone:
            signal.pidfd_send_signal(self._descriptor, number)

    def wait(self, what: str) -> None:
        """Until it has ended."""
        wait_until(lambda: self.gone, f"the end of {what}")

    @property
    def children(self) -> list[int]:
        try:
            return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]
        except FileNotFoundError:
            return []

    @property
    def resident_bytes(self) -> int:
        """Of its memory."""
        pages = Path(f"/proc/{self.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    @property
    def open_files(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def close(self) -> None:
        os.close(self._descriptor)


class Server(Process):
    def __init__(self, pid: int, trap: Trap, log: Path) -> None:
        super().__init__(pid)
        self.trap: Final = trap
        self._log = log
        self._url: str | None = None

    @property
    def url(self) -> str | None:
        """None until it has said it, which it does when it is ready."""
        if self._url is None and self._log.exists():
            lines = self._log.read_text().splitlines(keepends=True)
            self._url = next((line.strip() for line in lines if line.startswith("http") and line.endswith("\n")), None)
        return self._url

    @property
    def ready(self) -> bool:
        """Whether it says so. Raises RuntimeError where it is gone."""
        if self.gone:
            raise RuntimeError(f"the server has ended by itself: {self._log.read_text()[-2000:]}")
        if self.url is None:
            return False
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=PATIENCE_S)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def wait_until_ready(self) -> None:
        wait_until(lambda: self.ready, f"a server that is ready; its log is {self._log}")

    def worker(self) -> Process:
        """The process that draws. To be closed by the caller."""
        wait_until(lambda: self._living_child() is not None, "a worker")
        pid = self._living_child()
        return self.worker() if pid is None else Process(pid)

    def _living_child(self) -> int | None:
        """Those that have ended are children until the server takes note."""
        for pid in self.children:
            with contextlib.suppress(ProcessLookupError), Process(pid) as child:
                if not child.gone:
                    return pid
        return None


class Prefork:
    """Starts servers, which end with it at the latest."""

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "tests.chaos.servers.prefork"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def start(self, options: ServerOptions, environment: dict[str, str], log: Path) -> Server:
        """Returns as soon as the process is there."""
        assert self._process.stdin is not None, "it was opened with a pipe"
        assert self._process.stdout is not None, "it was opened with a pipe"
        self._process.stdin.write(msgspec.json.encode(Birth(options, environment, str(log))) + b"\n")
        self._process.stdin.flush()
        return Server(int(self._process.stdout.readline()), Trap(Path(options.trap)), log)
