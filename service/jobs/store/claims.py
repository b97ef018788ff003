"""The jobs table as a queue: which process runs a job, and which of its writes are accepted. Knows no engine.

Every write about a running job names its attempt, and is refused if another attempt has begun since (a fencing token).
All times are Unix seconds, passed in by the caller.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import structlog
from sqlalchemy import case, false, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.errors import DeadlineExceededError, PoisonedError
from service.jobs.records import Claim, JobFailure, LiveState, Status, StoredImage
from service.jobs.retention_policy import RetentionPolicy
from service.jobs.store.database import Database
from service.jobs.store.row_mapping import claim_of, deadline, encoded, image_row
from service.jobs.store.spec_format import UnreadableSpecError
from service.jobs.store.statements import UNHELD, ending, images_of, insert_or_ignore, times_of_end
from service.jobs.store.tables import images, jobs, probes

MAX_LOSSES: Final = 6
"""Number of lost attempts, counted once they had begun, after which a job counts as the cause of the crashes."""
_BEGUN: Final = jobs.c.version > 1
"""True where the running attempt is known to have begun an image: a claim sets version 1, and a heartbeat or a stored
image raises it. An attempt that is lost before the first of these does not count against the job."""
_POISON: Final = msgspec.json.encode(
    JobFailure(PoisonedError.code, f"The server stopped unexpectedly {MAX_LOSSES} times while it was making this job.")
)
_TOO_LATE: Final = JobFailure(DeadlineExceededError.code, "The job's deadline passed before it was started.")

_log = structlog.get_logger("darkroom.jobs")


class LostError(Exception):
    """This attempt is over: the job was taken over, canceled or deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimPolicy:
    lease_s: float
    """A running job without a heartbeat for this long may be taken over."""
    retention: RetentionPolicy


class JobClaims:
    """The store as seen by a process that runs jobs. Every method may raise `StoreUnavailableError`."""

    def __init__(self, database: Database, policy: ClaimPolicy) -> None:
        self._database = database
        self._policy = policy

    @property
    def available(self) -> bool:
        """False after a failed access to the database, until a write succeeds."""
        return self._database.available

    async def claim(self, owner: str, *, now: float, limit: int, held: Collection[str] | None = None) -> list[Claim]:
        """Claims up to `limit` jobs that wait or whose lease has expired, in order of their virtual deadlines.

        Jobs that were lost too often after they had begun fail here, and so do jobs whose caller's deadline has passed
        and jobs that this version cannot read. `held` names the jobs that the owner knows it holds. A job that the
        record gives to the owner and that is not in `held` is claimed again: the reply to the first claim was lost.
        """
        while True:
            claims, failed_some = await self._claim_once(owner, now, limit, held)
            if claims or not failed_some:
                return claims

    async def _claim_once(
        self, owner: str, now: float, limit: int, held: Collection[str] | None
    ) -> tuple[list[Claim], bool]:
        """Claims jobs in one transaction.

        Returns the claims, and whether some of the jobs failed instead: other jobs may wait behind those.
        """
        unheard = (jobs.c.status == Status.RUNNING) & (jobs.c.lease_until < now)
        lost = unheard & (jobs.c.lease_owner != owner)
        forgotten = false() if held is None else unheard & (jobs.c.lease_owner == owner) & jobs.c.id.not_in(list(held))
        failing = ending(Status.FAILED, now=now, retention=self._policy.retention)
        async with self._database.writing() as connection:
            await connection.execute(
                failing.where(lost, _BEGUN, jobs.c.losses >= MAX_LOSSES - 1).values(failure=_POISON)
            )
            free = (
                select(jobs.c.id)
                .where(or_(jobs.c.status == Status.QUEUED, lost, forgotten))
                .order_by(jobs.c.virtual_deadline_at, jobs.c.id)
                .limit(limit)
                .with_for_update(skip_locked=True)
                .cte("free")  # Evaluated once. PostgreSQL may run a subquery again for each row and so claim all jobs.
            )
            taking = (
                update(jobs)
                .where(jobs.c.id.in_(select(free.c.id)))
                .values(
                    losses=jobs.c.losses + case((lost & _BEGUN, 1), else_=0),
                    status=Status.RUNNING,
                    attempt=jobs.c.attempt + 1,
                    version=1,
                    lease_owner=owner,
                    lease_until=now + self._policy.lease_s,
                    started_at=func.coalesce(jobs.c.started_at, now),
                    progress=None,
                    preview=None,
                )
                .returning(jobs)
            )
            rows = sorted((await connection.execute(taking)).all(), key=lambda row: (row.virtual_deadline_at, row.id))
            stored = await images_of(connection, [row.id for row in rows if row.attempt > 1])
            claims, failures = [], {}
            for row in rows:
                try:
                    claims.append(claim_of(row, stored.get(row.id, ())))
                except UnreadableSpecError as error:
                    failures[row.id] = JobFailure(error.code, error.message)
                    _log.error("a job failed because its spec is unreadable", job_id=row.id, reason=error.message)
            failures |= {claim.job_id: _TOO_LATE for claim in claims if deadline(claim) <= now}
            for job_id, failure in failures.items():
                await connection.execute(failing.where(jobs.c.id == job_id).values(failure=encoded(failure)))
        return [claim for claim in claims if claim.job_id not in failures], bool(failures)

    async def heartbeat(self, held: Mapping[Claim, LiveState], *, now: float) -> set[Claim]:
        """Extends the leases of the jobs that this process runs and records their progress.

        Returns the claims that are lost.
        """
        lost = set()
        async with self._database.writing() as connection:
            for claim, live in held.items():
                extending = (
                    update(jobs)
                    .where(*_held_by(claim))
                    .values(
                        lease_until=now + self._policy.lease_s,
                        # An image may have been recorded since the caller read `live`. Its version stays.
                        version=case((jobs.c.version > live.version, jobs.c.version), else_=live.version),
                        progress=encoded(live.progress),
                        preview=encoded(live.preview),
                    )
                )
                if (await connection.execute(extending)).rowcount == 0:
                    lost.add(claim)
        return lost

    async def add_image(self, claim: Claim, image: StoredImage) -> None:
        """Records an image whose file is already stored. Raises `LostError`."""
        async with self._fenced(claim, version=image.version) as connection:
            await connection.execute(insert(images).values(image_row(claim.job_id, image)))

    async def finish(
        self, claim: Claim, status: Status, *, version: int, now: float, failure: JobFailure | None = None
    ) -> None:
        """Records how the job ended. Raises `LostError`."""
        times = times_of_end(now, self._policy.retention)
        async with self._fenced(claim, version=version, status=status, failure=encoded(failure), **UNHELD, **times):
            pass

    async def release(self, claim: Claim) -> None:
        """Puts an unfinished job back into the queue. Raises `LostError`."""
        async with self._fenced(
            claim,
            version=1,
            status=Status.QUEUED,
            attempt=claim.attempt + 1,
            progress=None,
            **UNHELD,
        ):
            pass

    @contextlib.asynccontextmanager
    async def _fenced(self, claim: Claim, **values: Any) -> AsyncIterator[AsyncConnection]:
        """Opens a transaction that updates the claimed job. Raises `LostError` where the claim no longer holds."""
        async with self._database.writing() as connection:
            if (await connection.execute(update(jobs).where(*_held_by(claim)).values(**values))).rowcount == 0:
                raise LostError
            yield connection

    async def exists(self, job_id: str) -> bool:
        async with self._database.reading() as connection:
            return (await connection.execute(select(jobs.c.id).where(jobs.c.id == job_id))).first() is not None

    async def probe(self, now: float) -> None:
        """Writes a row of no meaning to find out whether writing works."""
        async with self._database.writing() as connection:
            await connection.execute(insert_or_ignore(connection, probes).values(only=True, written_at=now))
            await connection.execute(update(probes).values(written_at=now))


def _held_by(claim: Claim) -> tuple[Any, ...]:
    return jobs.c.id == claim.job_id, jobs.c.attempt == claim.attempt, jobs.c.status == Status.RUNNING
