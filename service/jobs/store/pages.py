"""Reads a tenant's jobs page by page, newest first."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog
from sqlalchemy import Connection, Row, Select, bindparam, select, tuple_

from service.jobs.records import JobRecord, Status
from service.jobs.store.row_mapping import job_record
from service.jobs.store.spec_format import UnreadableSpecError
from service.jobs.store.statements import images_of
from service.jobs.store.tables import jobs

_NEWEST_FIRST: Final = (
    select(jobs)
    .where(jobs.c.tenant == bindparam("owner"))
    .order_by(jobs.c.created_at.desc(), jobs.c.id.desc())
    .limit(bindparam("at_most"))
)

_log = structlog.get_logger("darkroom.jobs")


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last job of a page; the next page starts after it."""

    created_at: float
    id: str


def read_page(
    connection: Connection, tenant: str, limit: int, after: Cursor | None, status: Status | None
) -> list[JobRecord]:
    """Returns up to `limit` of the tenant's jobs behind `after`. Jobs that this version cannot read are left out."""
    records: list[JobRecord] = []
    while missing := limit - len(records):
        given: dict[str, Any] = {"owner": tenant, "at_most": missing}
        if status is not None:
            given["status"] = status
        if after is not None:
            given |= {"created_at": after.created_at, "id": after.id}
        rows = connection.execute(_query(of_status=status is not None, behind=after is not None), given).all()
        records += _readable(connection, rows)
        if len(rows) < missing:
            break
        after = Cursor(rows[-1].created_at, rows[-1].id)
    return records


@functools.cache  # Building a statement takes longer than reading a short page, and leaves cycles to the collector.
def _query(*, of_status: bool, behind: bool) -> Select[Any]:
    """Returns the statement for a page of all jobs or of those with one status, from the newest one or a cursor."""
    query = _NEWEST_FIRST
    if of_status:
        query = query.where(jobs.c.status == bindparam("status"))
    if behind:
        query = query.where(tuple_(jobs.c.created_at, jobs.c.id) < tuple_(bindparam("created_at"), bindparam("id")))
    return query


def _readable(connection: Connection, rows: Sequence[Row[Any]]) -> list[JobRecord]:
    """Returns the records of the jobs that this version can read, and logs the others."""
    stored = images_of(connection, [row.id for row in rows])
    records = []
    for row in rows:
        try:
            records.append(job_record(row, stored.get(row.id, ())))
        except UnreadableSpecError as error:
            _log.warning("a job is left out of a list", job_id=row.id, reason=error.message)
    return records
