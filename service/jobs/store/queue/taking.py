"""Takes waiting jobs for the process that is to run them, in one statement, and fails those that cannot be run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import structlog
from sqlalchemy import Connection, Row, Select, Update, bindparam, func, select, update

from service.errors import DeadlineExceededError
from service.jobs.records import Claim, JobFailure, Status, StoredImage, UnmadeJob
from service.jobs.retention_policy import RetentionPolicy
from service.jobs.store.queue.losses import SUSPECT_LOSSES
from service.jobs.store.row_mapping import claim_of, deadline, encoded, unmade_job
from service.jobs.store.spec_format import UnreadableSpecError
from service.jobs.store.statements import ENDING, ending_values, images_of
from service.jobs.store.tables import QUEUED, jobs

_TOO_LATE: Final = JobFailure(DeadlineExceededError.code, "The job's deadline passed before it was started.")
_FAIL: Final = ENDING.where(jobs.c.id == bindparam("job"))

_log = structlog.get_logger("darkroom.jobs")


def _taking(candidates: Select[Any]) -> Update:
    """Returns the statement that claims the first candidates, until their images fill the room.

    The job that overfills the room is claimed too, so that one which is larger than any room does not wait for ever.
    """
    free = candidates.order_by(jobs.c.virtual_deadline_at, jobs.c.id).with_for_update(skip_locked=True).cte("free")
    # A common table expression is evaluated once. PostgreSQL may run a subquery again for each row and so claim all.
    images_before = func.sum(free.c.image_count).over(order_by=(free.c.virtual_deadline_at, free.c.id), rows=(None, 0))
    chosen = select(free.c.id, (images_before - free.c.image_count).label("images_before")).cte("chosen")
    return _claiming(select(chosen.c.id).where(chosen.c.images_before < bindparam("room")))


def _claiming(chosen: Select[Any]) -> Update:
    return (
        update(jobs)
        .where(jobs.c.id.in_(chosen))
        .values(
            status=Status.RUNNING,
            attempt=jobs.c.attempt + 1,
            version=1,
            lease_owner=bindparam("owner"),
            lease_until=bindparam("until"),
            started_at=func.coalesce(jobs.c.started_at, bindparam("now")),
            progress=None,
            preview=None,
        )
        .returning(jobs)
    )


_THESE: Final = jobs.c.id.in_(bindparam("these", expanding=True))
_NO_SUSPECT: Final = jobs.c.losses < SUSPECT_LOSSES
_candidates: Final = select(jobs.c.id, jobs.c.virtual_deadline_at, jobs.c.image_count).where(QUEUED)
TAKE: Final = _taking(_candidates.where(_NO_SUSPECT).limit(bindparam("at_most")))
TAKE_SUSPECT: Final = _taking(_candidates.where(jobs.c.losses >= SUSPECT_LOSSES).limit(1))
TAKE_THESE: Final = _claiming(select(jobs.c.id).where(_THESE, QUEUED, _NO_SUSPECT).with_for_update(skip_locked=True))
"""Each has the parameters `owner`, `now` and `until`, the end of the lease. The first two claim the jobs with the
earliest virtual deadlines, up to `room` images; the third claims the jobs in `these` that wait and are no suspects."""
_STILL_QUEUED: Final = select(jobs.c.id).where(_THESE, QUEUED)


class Taken(NamedTuple):
    gone: list[str]
    """Ids of jobs that no longer wait."""
    claims: list[Claim]
    failed: list[UnmadeJob]


def take(connection: Connection, statement: Update, parameters: Mapping[str, Any], retention: RetentionPolicy) -> Taken:
    """Runs `TAKE`, `TAKE_SUSPECT` or `TAKE_THESE`.

    A job whose caller's deadline has passed fails, and so does one that this version cannot read.
    """
    these = parameters.get("these", ())
    order = {job_id: number for number, job_id in enumerate(these)}
    rows = sorted(
        connection.execute(statement, parameters).all(),
        key=lambda row: (order.get(row.id, 0), row.virtual_deadline_at, row.id),
    )
    stored = images_of(connection, [row.id for row in rows if row.attempt > 1])
    claims, failed = [], []
    for row in rows:
        claim = _readable_claim(row, stored.get(row.id, ()))
        if isinstance(claim, JobFailure):
            failed.append((row, claim))
        elif deadline(claim) <= parameters["now"]:
            failed.append((row, _TOO_LATE))
        else:
            claims.append(claim)
    for row, failure in failed:
        values = ending_values(Status.FAILED, now=parameters["now"], retention=retention, failure=encoded(failure))
        connection.execute(_FAIL, {**values, "job": row.id})
    left = order.keys() - {row.id for row in rows}
    if left:
        left -= set(connection.execute(_STILL_QUEUED, {"these": list(left)}).scalars())
    unmade = [unmade_job(row, Status.FAILED, failure.code) for row, failure in failed]
    return Taken([*(row.id for row in rows), *left], claims, unmade)


def _readable_claim(row: Row[Any], done: Sequence[StoredImage]) -> Claim | JobFailure:
    try:
        return claim_of(row, done, suspect=row.losses >= SUSPECT_LOSSES)
    except UnreadableSpecError as error:
        _log.error("a job failed because its spec is unreadable", job_id=row.id, reason=error.message)
        return JobFailure(error.code, error.message)
