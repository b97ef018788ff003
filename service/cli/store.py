"""Works on the store of the settings, whether or not a server runs on it, and formats its rows and times."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from service.errors import StoreUnavailableError
from service.jobs.database_password import with_password
from service.jobs.store.database import Database, database_url
from service.jobs.store.migrations import UnusableStoreError, migrate
from service.settings import Settings

T = TypeVar("T")


class StoreError(Exception):
    """The store cannot be read or changed. The message tells the reason."""


def run_in_store(settings: Settings, work: Callable[[Database], Awaitable[T]]) -> T:
    """Returns the result of `work`. Brings the schema up to date first, since the server may never have run.

    Raises `StoreError`.
    """
    try:
        url = with_password(database_url(settings.database_url, settings.data_dir), settings.database_password_file)
        return asyncio.run(_in_store(Database(url), work))
    except (StoreUnavailableError, UnusableStoreError, ValueError, OSError) as error:
        raise StoreError(str(error)) from error


async def _in_store(database: Database, work: Callable[[Database], Awaitable[T]]) -> T:
    try:
        await migrate(database)
        await database.learn_time()
        return await work(database)
    finally:
        await database.close()


def format_table(rows: Sequence[Sequence[str]]) -> str:
    """Returns a line for each row, with columns as wide as their widest cell. The first row has the headings."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def iso_time(seconds: float | None) -> str | None:
    """Returns a time that is given in Unix seconds, in ISO 8601."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
