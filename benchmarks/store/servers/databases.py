"""The databases behind the servers: SQLite files, or a private PostgreSQL server that syncs what it commits."""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import secrets
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from benchmarks.peers.reaper import descendants
from benchmarks.process_use import process_use

if TYPE_CHECKING:
    import psycopg

_FOLDERS: Final = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)
"""The folders in which Debian installs the programs that it leaves out of PATH."""
_USER: Final = "darkroom"


class DatabaseUse(NamedTuple):
    """The resources that a database has used so far, apart from the server's process."""

    cpu_s: float
    transactions: int
    """Transactions committed."""


class Database(Protocol):
    def create(self) -> str | None:
        """Creates an empty database. Returns its URL; None stands for a file in the server's own folder."""

    def use(self) -> DatabaseUse | None:
        """Returns the resources used so far; None where the database is a part of the server."""


class SqliteFiles:
    """A new file for each server."""

    def create(self) -> None:
        return None

    def use(self) -> None:
        return None


class Postgres:
    """A PostgreSQL server with its defaults: every commit is synced."""

    def __init__(self, folder: Path, port: int, password: str) -> None:
        self._folder = folder
        self._server = f"postgresql://{_USER}:{password}@127.0.0.1:{port}"
        self._names = (f"jobs_{number}" for number in itertools.count())

    def create(self) -> str:
        name = next(self._names)
        with self._connect() as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return f"{self._server}/{name}"

    def use(self) -> DatabaseUse:
        with self._connect() as connection:
            row = connection.execute("SELECT sum(xact_commit)::bigint FROM pg_stat_database").fetchone()
        assert row is not None, "a sum is one row"
        root = int((self._folder / "data" / "postmaster.pid").read_text().split()[0])
        uses = [use for pid in (root, *descendants(root)) if (use := process_use(pid)) is not None]
        # A process that served a connection ends with it. Its parent, the first, then counts what it used.
        return DatabaseUse(sum(use.cpu_s for use in uses) + uses[0].children_cpu_s, row[0])

    def _connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        import psycopg  # SQLite is measured without it.

        return psycopg.connect(f"{self._server}/postgres", autocommit=True)


@contextlib.contextmanager
def running_postgres(folder: Path) -> Iterator[Postgres]:
    """Runs a server on loopback with its files in `folder`, which is created.

    Where this runs as root, the server runs as the account `postgres`, which must be able to reach the folder.
    Raises FileNotFoundError where PostgreSQL is not installed.
    """
    folder.mkdir()
    account: dict[str, Any] = {}
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root.
        found = pwd.getpwnam("postgres")
        account = {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}
        os.chown(folder, found.pw_uid, found.pw_gid)
    password, port = secrets.token_hex(16), free_port()
    (folder / "password").write_text(password)

    def call(program: str, *arguments: str) -> None:
        command = [_find(program), "--pgdata", str(folder / "data"), *arguments]
        # The server must inherit no pipe, or it would hold the pipe open for as long as it runs.
        subprocess.run(command, check=True, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **account)

    call("initdb", "--auth=scram-sha-256", "--pwfile", str(folder / "password"), "--encoding=UTF8", "--username", _USER)
    options = f"-k {folder} -c listen_addresses=127.0.0.1 -c port={port}"
    call("pg_ctl", "start", "--silent", "--wait", "--log", str(folder / "log"), "--options", options)
    try:
        yield Postgres(folder, port, password)
    finally:
        call("pg_ctl", "stop", "--silent", "--wait", "--mode=immediate")


def free_port() -> int:
    """Returns a port that is free on loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _find(program: str) -> str:
    found = shutil.which(program, path=os.pathsep.join([os.environ.get("PATH", os.defpath), *_FOLDERS]))
    if found is None:
        raise FileNotFoundError(f"{program} is not installed: scripts/services.sh installs it")
    return found
