"""Databases as earlier releases wrote them, kept as SQL dumps that are never edited."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Final

import psycopg
from sqlalchemy import URL

SCHEMAS: Final = ("schema_0001", "schema_0004", "schema_0005")
"""Names of the dumps. Each holds the six jobs below, which are alice's."""
SUCCEEDED, FAILED, CANCELED, RUNNING, LINKED, QUEUED = (f"job_{letter * 26}" for letter in "abcdef")
"""`LINKED` succeeded too. Its image was stored for a signed link, without a run."""
NOBODYS: Final = f"job_{'g' * 26}"
"""A job of schema 0005 that was accepted before there were tenants. It starts from an upload, `NOBODYS_UPLOAD`."""
NOBODYS_UPLOAD: Final = "5b" * 32

_FOLDER: Final = Path(__file__).parent


def load_release(schema: str, url: URL) -> None:
    """Fills an empty database with the rows and the tables of a release."""
    script = (_FOLDER / f"{schema}_{url.get_backend_name()}.sql").read_text()
    if url.get_backend_name() == "sqlite":
        assert url.database is not None
        with contextlib.closing(sqlite3.connect(url.database)) as connection:
            connection.executescript(script)
        return
    dsn = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(dsn) as postgres:
        postgres.execute(script.encode())
