"""Commands work on the store of the settings, which need not be there yet."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import inspect

from service.cli.store import StoreError, run_in_store
from service.jobs.store.database import Database
from service.settings import Settings


async def tables(database: Database) -> list[str]:
    return await database.read(lambda connection: inspect(connection).get_table_names())


def test_a_store_that_is_not_there_is_made(tmp_path: Path) -> None:
    assert "jobs" in run_in_store(Settings(data_dir=tmp_path / "data"), tables)


def test_a_store_that_cannot_be_used_is_an_error_with_a_reason(tmp_path: Path) -> None:
    file = tmp_path / "jobs.sqlite3"
    file.write_bytes(b"no database" * 1000)

    with pytest.raises(StoreError, match=r".+"):
        run_in_store(Settings(data_dir=tmp_path), tables)
    with pytest.raises(StoreError, match="postgresql"):
        run_in_store(Settings(data_dir=tmp_path, database_url="nonsense"), tables)
