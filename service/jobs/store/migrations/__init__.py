"""The history of the database schema, run by Alembic. The server calls `migrate` when it starts."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import structlog
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from service.errors import StoreUnavailableError
from service.jobs.store.database import Database

_LOCK: Final = 0x6461726B
"""Key of our PostgreSQL advisory lock: servers that start together migrate one after another."""


_log = structlog.get_logger("darkroom.jobs")


class UnusableStoreError(Exception):
    """The database cannot be used, and waiting will not change that. The message is for the operator."""


class SchemaTooNewError(UnusableStoreError):
    """The database was made by a newer version of Darkroom."""


async def migrate(database: Database) -> None:
    """Brings the schema up to date. Raises `UnusableStoreError` and `service.errors.StoreUnavailableError`."""
    try:
        await database.write(_upgrade)
    except StoreUnavailableError:
        if database.lasting_fault is None:
            raise
        raise UnusableStoreError(database.lasting_fault) from None


def check_schema(connection: Connection) -> None:
    """Raises `SchemaTooNewError` where this version does not know the schema. Writes nothing."""
    known = {revision.revision for revision in ScriptDirectory.from_config(_config()).walk_revisions()}
    if not known.issuperset(MigrationContext.configure(connection).get_current_heads()):
        raise SchemaTooNewError("The database was written by a newer version of Darkroom. Upgrade this server.")


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    check_schema(connection)
    config = _config()
    config.attributes["connection"] = connection
    before = _revision(connection)
    command.upgrade(config, "head")
    if (now := _revision(connection)) != before:
        _log.info("the schema of the database was brought up to date", before=before, now=now)


def _revision(connection: Connection) -> str | None:
    """Returns the revision of the database's schema, or None where it has none yet."""
    return MigrationContext.configure(connection).get_current_revision()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    return config
