"""A store is opened once it can be reached, and one that can never be used is told apart."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import URL

from service.images.free_space import FreeSpace
from service.jobs.store.database import Database
from service.jobs.store.migrations import UnusableStoreError
from service.jobs.upkeep.opening import StoreOpening


def opening_of(database: Database, folder: Path) -> StoreOpening:
    return StoreOpening(database, FreeSpace([folder], min_free_bytes=0))


@pytest.mark.usefixtures("no_wait_for_locks")
async def test_a_store_that_is_locked_passes_the_check_and_is_opened_later(sqlite_url: URL, tmp_path: Path) -> None:
    assert sqlite_url.database is not None
    database = Database(sqlite_url, outage_s=0.0)
    opening = opening_of(database, tmp_path)
    with contextlib.closing(sqlite3.connect(sqlite_url.database, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        await opening.check()
        opened = asyncio.create_task(opening.open_eventually())
        await asyncio.sleep(0)
        assert not opened.done()
        other.execute("ROLLBACK")
    await asyncio.wait_for(opened, 60)

    assert database.available
    await database.close()


async def test_a_damaged_store_does_not_pass_the_check(tmp_path: Path) -> None:
    file = tmp_path / "jobs.sqlite3"
    file.write_bytes(b"no database" * 1000)

    with pytest.raises(UnusableStoreError, match="file is not a database"):
        await opening_of(Database(URL.create("sqlite", database=str(file))), tmp_path).check()
