"""The databases behind the measured servers."""

from __future__ import annotations

import tempfile
from pathlib import Path

import psycopg
import pytest

from benchmarks.store.servers.databases import Database, SqliteFiles, running_postgres
from tests.harness.programs.finding import find_program


def test_sqlite_is_a_file_of_the_server_and_a_part_of_its_process() -> None:
    database: Database = SqliteFiles()

    assert database.create() is None
    assert database.use() is None


@pytest.mark.integration
def test_a_private_postgres_syncs_and_counts_what_it_commits() -> None:
    find_program("initdb", *map(str, Path("/usr/lib/postgresql").glob("*/bin")))
    # Its own account must reach the folder, which it does not below pytest's.
    with tempfile.TemporaryDirectory(prefix="darkroom-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        with running_postgres(Path(folder) / "postgres") as postgres:
            url, before = postgres.create(), postgres.use()
            with psycopg.connect(url, autocommit=True) as connection:
                synced = [connection.execute(f"SHOW {name}").fetchone() for name in ("fsync", "synchronous_commit")]
                for _ in range(5):
                    connection.execute("SELECT pg_stat_clear_snapshot()")
            used = postgres.use()

            assert synced == [("on",), ("on",)]
            assert url != postgres.create(), "each server has a database of its own"
            assert used.transactions >= before.transactions
            assert used.cpu_s >= before.cpu_s > 0
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(url)
