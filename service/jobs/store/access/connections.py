"""Opens connections to SQLite and PostgreSQL with the settings that durability and bounded waiting need."""

from __future__ import annotations

import contextlib
import importlib.util
import sqlite3
import time
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection

BUSY_S: Final = 2.0
"""Seconds that a writer waits for another process's lock."""
TRANSACTION_S: Final = 10.0
"""Limit of a whole transaction. A database that does not answer in this time counts as unavailable."""
_IDLE_S: Final = 1.0
"""A connection that was idle for this long is tested before it is used again: the server may have gone."""
_READER_BUSY_S: Final = 0.05
"""Readers never wait for writers, but they do wait for a connection that recovers the write-ahead log."""
_IMMEDIATE: Final = "darkroom_immediate"


class HeldConnection:
    """A connection that stays open between transactions. It belongs to one thread at a time."""

    def __init__(self, engine: Engine, *, immediate: bool) -> None:
        """`immediate` makes SQLite take the write lock at the start of a transaction."""
        self._engine = engine
        self._immediate = immediate
        self._connection: Connection | None = None
        self._used_at = 0.0

    def get(self) -> Connection:
        """Returns the open connection, or opens one. Raises what the driver raises."""
        if self._connection is not None and time.monotonic() - self._used_at > _IDLE_S:
            self._test()
        if self._connection is None:
            self._connection = self._engine.connect().execution_options(**{_IMMEDIATE: self._immediate})
        self._used_at = time.monotonic()
        return self._connection

    def close(self) -> None:
        """Closes the connection, as after an error: the next transaction opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):  # The server may have gone.
                connection.invalidate()
            with contextlib.suppress(Exception):
                connection.close()

    def interrupt(self) -> None:
        """Ends a long statement on SQLite from another thread. The statement raises an error in its own thread."""
        connection = self._connection
        if connection is not None and self._engine.dialect.name == "sqlite":
            with contextlib.suppress(Exception):  # It has just been closed.
                driver: Any = connection.connection.driver_connection
                driver.interrupt()

    def _test(self) -> None:
        """Tests the connection, and closes it if its server has gone. SQLite has no server."""
        assert self._connection is not None
        if self._engine.dialect.name == "sqlite":
            return
        try:
            self._connection.exec_driver_sql("SELECT 1")
            self._connection.rollback()
        except Exception:  # noqa: BLE001 -- whatever is wrong with the connection, another one is opened
            self.close()


def open_engine(url: URL, *, waits: bool = True) -> Engine:
    """Returns an engine without a pool. Raises ValueError where the database's driver is missing.

    `waits` is False for readers on the event loop, which may not wait.
    """
    if url.get_backend_name() == "sqlite":
        return _sqlite_engine(url, BUSY_S if waits else min(BUSY_S, _READER_BUSY_S))
    if importlib.util.find_spec("psycopg") is None:
        raise ValueError(
            "PostgreSQL needs a driver, which is not installed: in the folder of the repository, run "
            "`.venv/bin/pip install --constraint constraints.txt --editable '.[postgres]'`"
        )
    bounds = f"-c lock_timeout={BUSY_S:.0f}s -c statement_timeout={TRANSACTION_S:.0f}s"
    options = " ".join([bounds, *url.normalized_query.get("options", ())])
    return create_engine(
        url,
        poolclass=NullPool,
        hide_parameters=True,
        connect_args={
            "connect_timeout": int(BUSY_S),
            "options": options,
            # A server that vanishes without closing its connections is noticed after this long.
            "tcp_user_timeout": int(TRANSACTION_S * 1000),
        },
    )


def _sqlite_engine(url: URL, busy_s: float) -> Engine:
    assert url.database is not None, "`database_url` always names a file"
    Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        url,
        poolclass=NullPool,
        hide_parameters=True,
        connect_args={"timeout": busy_s, "check_same_thread": False, "cached_statements": 256},
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


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


def _begin_sqlite(connection: Connection) -> None:
    """Begins a transaction. Writers take the lock at once: one that reads first and takes the lock later fails where
    another process has written in between."""
    immediate = connection.get_execution_options().get(_IMMEDIATE, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
