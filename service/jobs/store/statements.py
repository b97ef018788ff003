"""SQL statements that several modules of the store use.

A statement that is run for every job is made once, with named parameters: making it costs more than running it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, Insert, Table, Update, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite

from service.jobs.records import Status, StoredImage
from service.jobs.retention_policy import RetentionPolicy
from service.jobs.store.queue.tenant_queue import WaitingJob
from service.jobs.store.row_mapping import stored_image
from service.jobs.store.tables import images, jobs

UNHELD: Final[dict[str, Any]] = {"lease_owner": None, "lease_until": None, "preview": None}
"""Column values of a job that no process runs."""

WAITING_COLUMNS: Final = tuple(jobs.c[name] for name in WaitingJob._fields)
"""The columns that make up a `WaitingJob`, in its order."""

_IMAGES_OF: Final = (
    select(images)
    .where(images.c.job_id.in_(bindparam("job_ids", expanding=True)))
    .order_by(images.c.job_id, images.c.image_index)
)


def times_of_end(now: float, retention: RetentionPolicy) -> dict[str, float]:
    return {"completed_at": now, "expires_at": retention.expires_at(now)}


ENDING: Final[Update] = update(jobs).values(
    status=bindparam("ended_as"),
    failure=bindparam("why"),
    attempt=jobs.c.attempt + 1,
    version=1,
    **UNHELD,
    completed_at=bindparam("completed_at"),
    expires_at=bindparam("expires_at"),
)
"""Ends jobs from outside the process that runs them. A condition must be added, and `ending_values` are its parameters.

It opens a new attempt, so that later writes of the current holder are refused.
"""


def ending_values(
    status: Status, *, now: float, retention: RetentionPolicy, failure: bytes | None = None
) -> dict[str, Any]:
    return {"ended_as": status, "why": failure, **times_of_end(now, retention)}


def insert_or_ignore(connection: Connection, table: Table) -> Insert:
    """Returns an insert that does nothing where a row with the same key exists."""
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table).on_conflict_do_nothing()
    return postgresql.insert(table).on_conflict_do_nothing()


def images_of(connection: Connection, job_ids: Sequence[str]) -> dict[str, list[StoredImage]]:
    """Returns the stored images of each job in order of index. Jobs without images are missing from the result."""
    found: dict[str, list[StoredImage]] = {}
    if job_ids:
        for row in connection.execute(_IMAGES_OF, {"job_ids": job_ids}):
            found.setdefault(row.job_id, []).append(stored_image(row))
    return found
