"""The command line's times for the end of a key are read."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import inspect

from service.cli.stored.key_store import parse_expiry
from service.cli.stored.store import StoreError, run_in_store
from service.jobs.store.database import Database
from service.settings import Settings
from tests.harness.keys import NOON


@pytest.mark.parametrize(
    ("text", "expires_at"),
    [
        ("30m", NOON + 1800),
        ("12h", NOON + 43200),
        ("90d", NOON + 90 * 86400),
        ("2030-01-31", datetime(2030, 1, 31, tzinfo=UTC).timestamp()),
        ("2030-01-31T12:00+02:00", datetime(2030, 1, 31, 10, tzinfo=UTC).timestamp()),
    ],
)
def test_a_duration_or_a_time_says_when_a_key_ends(text: str, expires_at: float) -> None:
    assert parse_expiry(text, NOON) == expires_at


@pytest.mark.parametrize("text", ["", "0d", "-1d", "1.5h", "90", "1y", "tomorrow", "2023-11-14", "9999999d"])
def test_anything_else_and_the_past_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be a duration|is in the past"):
        parse_expiry(text, NOON)


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
