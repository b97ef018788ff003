"""Checks the database's URL, and that the database answers with a schema that this version knows. Writes nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, exc, func, inspect, select

from service.cli.checks.findings import Finding, failed, ok
from service.jobs.database_password import with_password
from service.jobs.store.access.connections import BUSY_S, open_engine
from service.jobs.store.access.faults import fault_message
from service.jobs.store.database import database_url
from service.jobs.store.migrations import SchemaTooNewError, check_schema
from service.jobs.store.tables import api_keys
from service.settings import Settings


class CheckedDatabase(NamedTuple):
    finding: Finding
    keys: int | None
    """Number of keys that it holds, or None where it cannot be read."""


def check_database(settings: Settings) -> CheckedDatabase:
    """Checks the database. Gives up after a few seconds if it does not answer."""
    try:
        url = with_password(database_url(settings.database_url, settings.data_dir), settings.database_password_file)
        shown = url.render_as_string(hide_password=True)
        if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
            return CheckedDatabase(ok("database", f"{shown}, which the server will make"), 0)
        return CheckedDatabase(ok("database", shown), _keys(_reading_engine(url)))
    except (exc.DBAPIError, sqlite3.Error) as error:
        return CheckedDatabase(failed("database", fault_message(error)), None)
    except (SchemaTooNewError, ValueError) as error:
        return CheckedDatabase(failed("database", str(error)), None)


def _reading_engine(url: URL) -> Engine:
    if url.get_backend_name() != "sqlite":
        return open_engine(url)
    return create_engine("sqlite://", creator=_opener(Path(url.database or "")), poolclass=NullPool)


def _opener(file: Path) -> Callable[[], sqlite3.Connection]:
    return lambda: sqlite3.connect(f"file:{quote(str(file.absolute()))}?mode=ro", uri=True, timeout=BUSY_S)


def _keys(engine: Engine) -> int:
    """Returns the number of keys. Raises `SchemaTooNewError`, and what the driver raises."""
    with engine.connect() as connection:
        check_schema(connection)
        return _count(connection) if inspect(connection).has_table(api_keys.name) else 0


def _count(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(api_keys)).scalar_one()
