"""Connects to SQLite or PostgreSQL, opens transactions, and tracks whether the database works. Knows no tables.

Failures of the database itself (full, locked, slow, gone) are raised as `StoreUnavailableError`, without the driver's
message. Callers report them and try again.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import structlog
from sqlalchemy import URL, event, exc, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from service.errors import StoreUnavailableError

_BUSY_S: Final = 2.0
"""Seconds that a statement waits for another process's lock."""
_TRANSACTION_S: Final = 10.0
"""Limit of a whole transaction. A database that does not answer in this time counts as unavailable."""
_RETRY_S: Final = 2.0
_FAULTS: Final = (exc.DatabaseError, exc.InterfaceError, exc.TimeoutError, OSError, TimeoutError)
"""Errors that SQLAlchemy raises for a database in trouble. `_MISTAKES` are subclasses and do not count."""
_MISTAKES: Final = (exc.DataError, exc.IntegrityError, exc.NotSupportedError, exc.ProgrammingError)
"""Errors that SQLAlchemy raises for a wrong statement."""
_IMMEDIATE: Final = "darkroom_immediate"

_log = structlog.get_logger("darkroom.jobs")


class Database:
    """One database. All methods belong to one event loop."""

    def __init__(self, url: URL, *, turn_s: float = 10.0) -> None:
        """`turn_s` is the maximum number of seconds that a writer waits for the writers before it."""
        self._engine = _create_engine(url)
        self._turn_s = turn_s
        self._writer = asyncio.Lock()
        self._available = True
        self.is_sqlite: Final = url.get_backend_name() == "sqlite"

    @property
    def available(self) -> bool:
        """False after a failed access, until a write succeeds."""
        return self._available

    @contextlib.asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """Opens a read-only transaction. Raises `StoreUnavailableError`."""
        async with self._watched(), self._engine.connect() as connection:
            yield connection

    @contextlib.asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """Opens a transaction that is committed to disk unless the block raises. Raises `StoreUnavailableError`.

        On SQLite it takes the write lock at once (BEGIN IMMEDIATE). A transaction that reads first and takes the lock
        later fails where another process has written in between.
        """
        async with self._turn(), self._watched(), self._engine.connect() as connection:
            await connection.execution_options(**{_IMMEDIATE: True})
            async with connection.begin():
                yield connection
        if not self._available:
            _log.info("the job store is available again")
        self._available = True

    @contextlib.asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Admits one writer at a time. A long wait is no fault of the database and leaves `available` as it is."""
        try:
            async with asyncio.timeout(self._turn_s):
                await self._writer.acquire()
        except TimeoutError:
            raise StoreUnavailableError("The job store is busy.", retry_after_s=_RETRY_S) from None
        try:
            yield
        finally:
            self._writer.release()

    @contextlib.asynccontextmanager
    async def _watched(self) -> AsyncIterator[None]:
        """Limits the time of a transaction and turns the database's failures into `StoreUnavailableError`."""
        try:
            async with asyncio.timeout(_TRANSACTION_S):
                yield
        except _MISTAKES:
            raise
        except _FAULTS as error:
            if self._available:
                _log.error("the job store is unavailable", fault=type(getattr(error, "orig", error)).__name__)
            self._available = False
            raise StoreUnavailableError("The job store cannot be reached.", retry_after_s=_RETRY_S) from None

    async def close(self) -> None:
        await self._engine.dispose()


def database_url(url: str | None, data_dir: Path) -> URL:
    """Returns the SQLAlchemy URL for a setting: `postgresql://...`, `postgres://...` or `sqlite:///path`.

    Without `url` it is a SQLite file in `data_dir`. Raises ValueError for anything else, without repeating it: a URL
    may hold a password.
    """
    if url is None:
        return URL.create("sqlite+aiosqlite", database=str(data_dir / "jobs.sqlite3"))
    try:
        parsed = make_url(url)
    except exc.ArgumentError:
        raise ValueError("the database must be a URL: postgresql://... or sqlite:///path") from None
    match parsed.get_backend_name():
        case "sqlite" if parsed.database and parsed.database != ":memory:":
            return parsed.set(drivername="sqlite+aiosqlite")
        case "postgres" | "postgresql":
            return parsed.set(drivername="postgresql+psycopg")
        case _:
            raise ValueError("the database must be postgresql://... or sqlite:///path")


def _create_engine(url: URL) -> AsyncEngine:
    if url.get_backend_name() == "sqlite":
        assert url.database is not None, "`database_url` always names a file"
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_async_engine(url, hide_parameters=True, connect_args={"timeout": _BUSY_S})
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
        return engine
    bounds = f"-c lock_timeout={_BUSY_S:.0f}s -c statement_timeout={_TRANSACTION_S:.0f}s"
    options = " ".join([bounds, *url.normalized_query.get("options", ())])
    return create_async_engine(
        url,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={"connect_timeout": int(_BUSY_S), "options": options},
    )


def _prepare_sqlite(connection: DBAPIConnection, _: Any) -> None:
    """Turns on the write-ahead log, a sync at every commit and foreign keys, and leaves BEGIN to `_begin_sqlite`."""
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("synchronous = FULL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    # The mode is stored in the file. While another server that is starting sets it, SQLite refuses at once.
    with contextlib.suppress(sqlite3.OperationalError):
        cursor.execute("PRAGMA journal_mode = WAL")
    cursor.close()


def _begin_sqlite(connection: Any) -> None:
    immediate = connection.get_execution_options().get(_IMMEDIATE, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
