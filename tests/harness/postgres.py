"""A PostgreSQL server for tests, with its data and its socket in one folder, that tests can stop and freeze."""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import psycopg
from sqlalchemy import URL

from tests.harness.programs.finding import find_program

_FOLDERS: Final = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)
"""The folders in which Debian installs the programs that it leaves out of PATH."""
_USER: Final = "darkroom"
_OPTIONS: Final = "-c listen_addresses='' -c fsync=off -c shared_buffers=16MB -c max_connections=50"


class PostgresServer:
    """The server exists once this is created, and runs from `start` to `stop`."""

    def __init__(self, folder: Path) -> None:
        """If the tests run as root, the `postgres` account must be able to reach `folder`: the server runs as it."""
        self._folder = folder
        self._data = folder / "data"
        self._names = (f"test_{number}" for number in itertools.count())
        self._account: dict[str, Any] = {}
        initdb, self._pg_ctl = (find_program(name, *_FOLDERS) for name in ("initdb", "pg_ctl"))
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root.
            account = pwd.getpwnam("postgres")
            self._account = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
            os.chown(folder, account.pw_uid, account.pw_gid)
        self._call(initdb, "--pgdata", self._data, "--no-sync", "--auth=trust", "--encoding=UTF8", "--username", _USER)

    def start(self) -> None:
        log = self._folder / "log"
        self._control("start", "--wait", "--log", log, "--options", f"-k {self._folder} {_OPTIONS}")

    def stop(self) -> None:
        """Stops the server at once, as in a crash."""
        self._control("stop", "--wait", "--mode=immediate")

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """Stops the server for the duration of the block."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Suspends the server. The operating system still accepts connections, but nothing answers."""
        server = int((self._data / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
        processes = [server, *map(int, children)]
        _send(signal.SIGSTOP, processes)
        try:
            yield
        finally:
            _send(signal.SIGCONT, processes)

    def create_database(self) -> URL:
        """Creates an empty database and returns its URL."""
        name = next(self._names)
        with psycopg.connect(host=str(self._folder), user=_USER, dbname="postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return URL.create("postgresql+psycopg", username=_USER, database=name, query={"host": str(self._folder)})

    def _control(self, *arguments: str | Path) -> None:
        self._call(self._pg_ctl, "--pgdata", self._data, "--silent", *arguments)

    def _call(self, *command: str | Path) -> None:
        # The server must inherit no pipe, or it would hold the pipe open for as long as it runs.
        subprocess.run(
            command, check=True, cwd=self._folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **self._account
        )


def _send(sent: signal.Signals, processes: Sequence[int]) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError):  # A process that serves a connection may have ended with it.
            os.kill(process, sent)
