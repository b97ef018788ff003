"""Statements that more than one part of the store makes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Insert, Select, Table, Update, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from service.jobs.records import JobRecord, Status, StoredImage
from service.jobs.store.row_mapping import job_record, stored_image
from service.jobs.store.tables import images, jobs

UNHELD: Final[dict[str, Any]] = {"lease_owner": None, "lease_until": None, "preview": None}
"""Columns of a job that nobody runs."""


def times_of_end(now: float, keep_s: float) -> dict[str, float]:
    return {"completed_at": now, "expires_at": now + keep_s}


def ending(status: Status, *, now: float, keep_s: float) -> Update:
    """An end that no holder brings about: it opens an attempt of its own, which shuts out the holder's."""
    return update(jobs).values(
        status=status, attempt=jobs.c.attempt + 1, version=1, **UNHELD, **times_of_end(now, keep_s)
    )


def insert_or_ignore(connection: AsyncConnection, table: Table) -> Insert:
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table).on_conflict_do_nothing()
    return postgresql.insert(table).on_conflict_do_nothing()


async def find_records(connection: AsyncConnection, query: Select[Any]) -> list[JobRecord]:
    rows = (await connection.execute(query)).all()
    made = await images_of(connection, [row.id for row in rows])
    return [job_record(row, made.get(row.id, [])) for row in rows]


async def images_of(connection: AsyncConnection, job_ids: Sequence[str]) -> dict[str, list[StoredImage]]:
    if not job_ids:
        return {}
    query = select(images).where(images.c.job_id.in_(job_ids)).order_by(images.c.image_index)
    found: dict[str, list[StoredImage]] = {}
    for row in await connection.execute(query):
        found.setdefault(row.job_id, []).append(stored_image(row))
    return found
