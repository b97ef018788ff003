"""A server in a process of its own, with a fake pipeline in its worker, and what it has stored in its SQLite file."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx2

from service.settings import variable
from tests.harness.paths import ROOT

_JOBS = (
    "SELECT status, version, losses, lease_owner, (SELECT count(*) FROM images WHERE job_id = jobs.id) "
    "FROM jobs ORDER BY created_at"
)


class StoredJob(NamedTuple):
    status: str
    version: int
    losses: int
    owner: str | None
    images: int


@contextlib.contextmanager
def starting_server(data_dir: Path, *worker_options: str, **settings: float | str) -> Iterator[subprocess.Popen[str]]:
    """Yields a server's process at once; its URL will be its first line. The process is killed at the end."""
    settings_of_all: dict[str, object] = {"port": 0, "admin_port": "none", "data_dir": data_dir, **settings}
    paths = {"PYTHONPATH": f"{ROOT}:{ROOT / 'client'}"}
    environment = os.environ | paths | {variable(name): str(value) for name, value in settings_of_all.items()}
    command = [sys.executable, "-m", "tests.service.api.serve_fake", *worker_options]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as server:
        try:
            yield server
        finally:
            server.kill()


@contextlib.contextmanager
def running_server(
    data_dir: Path, *worker_options: str, **settings: float | str
) -> Iterator[tuple[subprocess.Popen[str], httpx2.Client]]:
    """Yields a server's process, which serves, and a client of it. The process is killed at the end."""
    with starting_server(data_dir, *worker_options, **settings) as server:
        assert server.stdout is not None, "Popen was called with a pipe"
        with httpx2.Client(base_url=server.stdout.readline().strip(), timeout=120) as client:
            yield server, client


def stored_jobs(data_dir: Path) -> list[StoredJob]:
    with contextlib.closing(sqlite3.connect(f"file:{data_dir / 'jobs.sqlite3'}?mode=ro", uri=True)) as connection:
        return [StoredJob(*row) for row in connection.execute(_JOBS)]
