"""Starts servers that share a folder and a database, tells when they are ready, and counts what they use."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.peers.reaper import descendants
from benchmarks.process_use import process_use
from benchmarks.store.servers.control import Control
from benchmarks.store.servers.databases import Database, free_port
from benchmarks.store.servers.versions import ROOT, Version

_START_S: Final = 120.0
_POLL_S: Final = 0.1
_REQUEST_S: Final = 30.0
_UNBOUNDED: Final = "1000000000"
_SETTINGS: Final = {
    "DARKROOM_CACHE_DIR": "none",
    "DARKROOM_DRAIN_TIMEOUT_S": "0",
    "DARKROOM_MAX_QUEUED_JOBS": _UNBOUNDED,
    "DARKROOM_MAX_QUEUED_JOBS_S": _UNBOUNDED,
}
"""Settings under which only the store is measured: the queue has room, and a server ends at once."""


class StartFailed(Exception):
    """A server did not become ready. The message ends with the last lines of its log."""


class Use(NamedTuple):
    """The resources that the servers have used so far."""

    at_s: float
    """The time at which this was read."""
    server_cpu_s: float
    device_cpu_s: float
    """CPU seconds of the workers' processes."""
    database_cpu_s: float
    """CPU seconds of a database outside the servers' processes, else 0."""
    transactions: int
    """Transactions that such a database has committed, else 0."""
    writes: int
    """write(2) and its kind, by the servers' processes."""
    rows: int
    """Rows that the devices have made."""
    images: int

    def since(self, before: Use) -> Use:
        """Returns the resources used since then; `at_s` becomes the seconds that have passed."""
        return Use(
            self.at_s - before.at_s,
            self.server_cpu_s - before.server_cpu_s,
            self.device_cpu_s - before.device_cpu_s,
            self.database_cpu_s - before.database_cpu_s,
            self.transactions - before.transactions,
            self.writes - before.writes,
            self.rows - before.rows,
            self.images - before.images,
        )


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server in a process of its own."""

    port: int
    admin_port: int
    control: Control
    control_file: Path
    log: Path
    process: subprocess.Popen[bytes]
    """The process that ends the server where this one ends."""

    @property
    def pid(self) -> int:
        return int(Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()[0])

    def is_ready(self) -> bool:
        """Asks whether the server is ready. Raises `StartFailed` where it has ended."""
        if self.process.poll() is not None:
            raise StartFailed(f"the server ended:\n{self.log.read_text()[-2000:]}")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_REQUEST_S)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == http.HTTPStatus.OK
        except OSError:
            return False
        finally:
            connection.close()

    def kill(self) -> None:
        """Ends the server at once. Nothing that it has stored is needed any more."""
        with contextlib.suppress(ProcessLookupError, IndexError, FileNotFoundError):
            os.kill(self.pid, signal.SIGKILL)
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


class Servers:
    """The servers of one measurement."""

    def __init__(self, servers: list[RunningServer], database: Database) -> None:
        self._servers = servers
        self._database = database

    @property
    def ports(self) -> list[int]:
        return [server.port for server in self._servers]

    @property
    def admin_ports(self) -> list[int]:
        return [server.admin_port for server in self._servers]

    @property
    def control_files(self) -> list[str]:
        return [str(server.control_file) for server in self._servers]

    @property
    def pids(self) -> list[int]:
        return [server.pid for server in self._servers]

    def set_row_s(self, seconds: float) -> None:
        """Sets how long the devices take for each row of a call; `control.HELD_S` stops them."""
        for server in self._servers:
            server.control.row_s = seconds

    def peak_bytes(self) -> int:
        """Returns the most memory that one of the servers' processes had so far."""
        return max(use.peak_bytes for server in self._servers if (use := process_use(server.pid)) is not None)

    def images(self) -> int:
        """Returns how many images the devices have made."""
        return sum(server.control.images for server in self._servers)

    def use(self) -> Use:
        own = [process_use(server.pid) for server in self._servers]
        workers = [process_use(pid) for server in self._servers for pid in descendants(server.pid)]
        database = self._database.use()
        return Use(
            at_s=time.monotonic(),
            server_cpu_s=sum(use.cpu_s for use in own if use is not None),
            device_cpu_s=sum(use.cpu_s for use in workers if use is not None),
            database_cpu_s=0.0 if database is None else database.cpu_s,
            transactions=0 if database is None else database.transactions,
            writes=sum(_writes(server.pid) for server in self._servers),
            rows=sum(server.control.rows for server in self._servers),
            images=self.images(),
        )


@contextlib.contextmanager
def running_servers(
    version: Version, database: Database, folder: Path, *, count: int, settings: Mapping[str, str]
) -> Iterator[Servers]:
    """Runs servers with an empty store in `folder`, which must not exist, until the block ends. Their devices take no
    time. `settings` are further `DARKROOM_*` variables. Raises `StartFailed`."""
    folder.mkdir()
    shared = {**_SETTINGS, "DARKROOM_DATA_DIR": str(folder / "data"), **settings}
    url = database.create()
    if url is not None:
        shared["DARKROOM_DATABASE_URL"] = url
    with contextlib.ExitStack() as stack:
        servers = []
        for number in range(count):
            server = _start(version, folder, str(number), shared)
            stack.callback(server.kill)
            _wait_until_ready(server)  # The first one creates the tables.
            servers.append(server)
        yield Servers(servers, database)


def _start(version: Version, folder: Path, name: str, settings: Mapping[str, str]) -> RunningServer:
    port, admin_port = free_port(), free_port()
    control_file, log = folder / f"device-{name}", folder / f"log-{name}"
    control = Control.create(control_file)
    inherited = {key: value for key, value in os.environ.items() if not key.upper().startswith("DARKROOM_")}
    own = {"DARKROOM_PORT": str(port), "DARKROOM_ADMIN_PORT": str(admin_port)}
    served = [str(version.python), "-m", "benchmarks.store.servers.serve", str(control_file)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "benchmarks/peers/reaper.py"), *served],
            cwd=version.root,
            env={**inherited, **version.environment, **settings, **own},
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
        )
    return RunningServer(port, admin_port, control, control_file, log, process)


def _wait_until_ready(server: RunningServer) -> None:
    until_s = time.monotonic() + _START_S
    while not server.is_ready():
        if time.monotonic() > until_s:
            raise StartFailed(f"the server was not ready after {_START_S:.0f} s:\n{server.log.read_text()[-2000:]}")
        time.sleep(_POLL_S)


def _writes(pid: int) -> int:
    """Returns the number of write calls of a process; 0 for one that has ended."""
    try:
        lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    except OSError:
        return 0
    return int(dict(line.split(": ") for line in lines)["syscw"])
