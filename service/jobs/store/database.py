"""A connection to SQLite or PostgreSQL, its transactions, and its health. Knows no tables.

Every failure that is the database's own (full, locked, slow, gone) becomes `StoreUnavailableError`, for the caller to
tell and to try again; nothing else of it gets out.
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
"""How long a statement waits for another process's lock."""
_TRANSACTION_S: Final = 10.0
"""Bound on a whole transaction: a database that does not answer is as good as gone."""
_RETRY_S: Final = 2.0
_FAULTS: Final = (exc.DatabaseError, exc.InterfaceError, exc.TimeoutError, OSError, TimeoutError)
"""What SQLAlchemy raises for a database in trouble, unless it is one of the next."""
_MISTAKES: Final = (exc.DataError, exc.IntegrityError, exc.NotSupportedError, exc.ProgrammingError)
"""For a statement that is wrong."""
_IMMEDIATE: Final = "darkroom_immediate"

_log = structlog.get_logger("darkroom.jobs")


class Database:
    """One database, and whether it can be used. All methods belong to one event loop."""

    def __init__(self, url: URL, *, turn_s: float = 10.0) -> None:
        """`turn_s` is how long a writer waits for those before it."""
        self._engine = _create_engine(url)
        self._turn_s = turn_s
        self._writer = asyncio.Lock()
        self._available = True
        self.is_sqlite: Final = url.get_backend_name() == "sqlite"

    @property
    def available(self) -> bool:
        """Whether the database was last seen to work; after trouble only a write shows that it does again."""
        return self._available

    @contextlib.asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that changes nothing. Raises `StoreUnavailableError`."""
        async with self._watched(), self._engine.connect() as connection:
            yield connection

    @contextlib.asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """A transaction, committed to disk when it is left without an exception. Raises `StoreUnavailableError`.

        SQLite takes its write lock at the beginning, since a lock that is taken later may find what was read changed.
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
        """One writer at a time. That others take long says nothing of the database."""
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
    """What SQLAlchemy connects to; without `url` a SQLite file in `data_dir`. Raises ValueError.

    `postgres://` and `postgresql://` mean psycopg, `sqlite:///path` a file.
    """
    if url is None:
        return URL.create("sqlite+aiosqlite", database=str(data_dir / "jobs.sqlite3"))
    try:
        parsed = make_url(url)
    except exc.ArgumentError:
        raise ValueError("the database must be given as a URL") from None
    match parsed.get_backend_name():
        case "sqlite" if parsed.database and parsed.database != ":memory:":
            return parsed.set(drivername="sqlite+aiosqlite")
        case "postgres" | "postgresql":
            return parsed.set(drivername="postgresql+psycopg")
        case _:
            raise ValueError("the database must be postgresql://... or sqlite:///path")


def _create_engine(url: URL) -> AsyncEngine:
    if url.get_backend_name() == "sqlite":
        assert url.database is not None, "a file, as `database_url` has it"
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
    """Write-ahead log, every commit on the disk, and transactions that begin when we say so."""
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("synchronous = FULL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    # It stays with the file, and is refused without a wait while a server that started a moment earlier sets it.
    with contextlib.suppress(sqlite3.OperationalError):
        cursor.execute("PRAGMA journal_mode = WAL")
    cursor.close()


def _begin_sqlite(connection: Any) -> None:
    immediate = connection.get_execution_options().get(_IMMEDIATE, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
