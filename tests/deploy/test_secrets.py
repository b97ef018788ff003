"""No process of a real server has a secret in its environment or its arguments where secrets come as files."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.processes import descendants
from tests.harness.bundled_server import BundledServer
from tests.harness.postgres import PostgresServer

PASSWORD = "canary-b1d2c7"


@pytest.fixture
def postgres() -> Iterator[PostgresServer]:
    with tempfile.TemporaryDirectory() as folder:
        running = PostgresServer(Path(folder))
        running.start()
        yield running
        running.stop()


@pytest.fixture
def server(tmp_path: Path, postgres: PostgresServer) -> Iterator[BundledServer]:
    secret = tmp_path / "database_password"
    secret.write_text(f"{PASSWORD}\n")
    url = postgres.create_database().set(drivername="postgresql").render_as_string()
    server = BundledServer(
        tmp_path, "--database-url", url, "--database-password-file", str(secret), "--warm-up-s", "0.001"
    )
    yield server
    server.stop()


def test_a_password_that_comes_as_a_file_stays_in_it(server: BundledServer) -> None:
    pids = list(descendants(server.process.pid))
    assert len(pids) >= 2, "the server and its worker"
    for pid in pids:
        for part in ("environ", "cmdline"):
            assert PASSWORD.encode() not in Path(f"/proc/{pid}/{part}").read_bytes()
