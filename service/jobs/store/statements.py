"""SQL statements that both the repository and the claims use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Insert, Table, Update, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from service.jobs.records import Status, StoredImage
from service.jobs.retention_policy import RetentionPolicy
from service.jobs.store.row_mapping import stored_image
from service.jobs.store.tables import images, jobs

UNHELD: Final[dict[str, Any]] = {"lease_owner": None, "lease_until": None, "preview": None}
"""Column values of a job that no process runs."""


def times_of_end(now: float, retention: RetentionPolicy) -> dict[str, float]:
    return {"completed_at": now, "expires_at": retention.expires_at(now)}


def ending(status: Status, *, now: float, retention: RetentionPolicy) -> Update:
    """Returns an update that ends jobs from outside the process that runs them.

    It opens a new attempt, so that later writes of the current holder are refused.
    """
    return update(jobs).values(
        status=status, attempt=jobs.c.attempt + 1, version=1, **UNHELD, **times_of_end(now, retention)
    )


def insert_or_ignore(connection: AsyncConnection, table: Table) -> Insert:
    """Returns an insert that does nothing where a row with the same key exists."""
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table).on_conflict_do_nothing()
    return postgresql.insert(table).on_conflict_do_nothing()


async def images_of(connection: AsyncConnection, job_ids: Sequence[str]) -> dict[str, list[StoredImage]]:
    """Returns the stored images of each job in order of index. Jobs without images are missing from the result."""
    if not job_ids:
        return {}
    query = select(images).where(images.c.job_id.in_(job_ids)).order_by(images.c.image_index)
    found: dict[str, list[StoredImage]] = {}
    for row in await connection.execute(query):
        found.setdefault(row.job_id, []).append(stored_image(row))
    return found
