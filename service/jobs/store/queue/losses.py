"""Puts jobs whose process died back into the queue, and fails a job to which that happens too often."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, Row, bindparam, select, update

from service.errors import PoisonedError
from service.jobs.records import JobFailure, Status, UnmadeJob
from service.jobs.retention_policy import RetentionPolicy
from service.jobs.store.queue.tenant_queue import WaitingJob
from service.jobs.store.row_mapping import unmade_job
from service.jobs.store.statements import ENDING, UNHELD, ending_values
from service.jobs.store.tables import RUNNING, jobs

MAX_LOSSES: Final = 6
"""Number of lost attempts, counted once they had begun, after which a job counts as the cause of the crashes."""
SUSPECT_LOSSES: Final = 3
"""From this number on a job runs apart from all others, so that its next loss counts against no other job."""
FADE_S: Final = 3600.0
"""Seconds without a loss after which earlier losses are forgotten."""
_POISON: Final = msgspec.json.encode(
    JobFailure(PoisonedError.code, f"The server stopped unexpectedly {MAX_LOSSES} times while it was making this job.")
)

_THESE: Final = (jobs.c.id == bindparam("job"), jobs.c.attempt == bindparam("held_attempt"), RUNNING)
_FIND: Final = select(jobs).where(*_THESE).with_for_update(skip_locked=True)
_PUT_BACK: Final = (
    update(jobs)
    .where(*_THESE)
    .values(
        status=Status.QUEUED,
        attempt=jobs.c.attempt + 1,
        version=1,
        losses=bindparam("lost_times"),
        last_lost_at=bindparam("lost_at"),
        progress=None,
        **UNHELD,
    )
)
_CONDEMN: Final = ENDING.where(*_THESE)


class Lost(NamedTuple):
    """An attempt whose process no longer sends heartbeats."""

    job_id: str
    attempt: int
    owner: str


class PutBack(NamedTuple):
    """The result of putting lost jobs back."""

    waiting: list[WaitingJob]
    """The jobs that wait again."""
    losses: int
    """Number of jobs against which the loss counted."""
    failed: list[UnmadeJob]
    """The jobs that were lost too often."""


def put_back(
    connection: Connection, lost: Sequence[Lost], finder: str, now: float, retention: RetentionPolicy
) -> PutBack:
    """Puts back the jobs that are still lost; a job that was lost too often fails instead.

    A loss counts where the attempt had begun an image, which a heartbeat or a stored image has recorded, and where
    another process than the `finder` had the job: otherwise only the reply to a claim was lost.
    """
    entered, failed, counted = [], [], 0
    for job in lost:
        of_job = {"job": job.job_id, "held_attempt": job.attempt}
        row = connection.execute(_FIND, of_job).one_or_none()
        if row is None:
            continue
        counts = row.version > 1 and job.owner != finder
        losses = _losses(row, now) + counts
        counted += counts
        if counts and losses >= MAX_LOSSES:
            values = ending_values(Status.FAILED, now=now, retention=retention, failure=_POISON)
            connection.execute(_CONDEMN, {**values, **of_job})
            failed.append(unmade_job(row, Status.FAILED, PoisonedError.code))
            continue
        lost_at = now if counts else row.last_lost_at
        connection.execute(_PUT_BACK, {**of_job, "lost_times": losses, "lost_at": lost_at})
        entered.append(WaitingJob(*(getattr(row, name) for name in WaitingJob._fields)))
    return PutBack(entered, counted, failed)


def _losses(row: Row[Any], now: float) -> int:
    """Returns the losses that are not forgotten."""
    faded = row.last_lost_at is not None and now - row.last_lost_at > FADE_S
    return 0 if faded else int(row.losses)
