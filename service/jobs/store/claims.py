"""The jobs table as a queue: who runs a job, and what may be written of it by whom. Knows no engine.

Every write about a running job names its attempt and is refused where the job has gone on without the writer. Times
are Unix seconds and passed in.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from sqlalchemy import case, false, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.errors import DeadlineExceededError, PoisonedError
from service.jobs.records import Claim, JobFailure, LiveState, Status, StoredImage
from service.jobs.store.database import Database
from service.jobs.store.row_mapping import claim_of, deadline, encoded, image_row
from service.jobs.store.statements import UNHELD, ending, images_of, insert_or_ignore, times_of_end
from service.jobs.store.tables import images, jobs, probes

MAX_LOSSES: Final = 6
"""Attempts that may be lost after they had begun before a job counts as what kills the processes that run it."""
_BEGUN: Final = jobs.c.version > 1
"""Whether the running attempt is known to have begun an image: a claim sets version 1, and a heartbeat or a stored
picture raises it. An attempt that is lost before the first of these does not count against the job."""
_POISON: Final = msgspec.json.encode(
    JobFailure(PoisonedError.code, f"The server stopped unexpectedly {MAX_LOSSES} times while it was making this job.")
)
_TOO_LATE: Final = msgspec.json.encode(
    JobFailure(DeadlineExceededError.code, "The job's deadline passed before it was begun.")
)


class LostError(Exception):
    """The job was taken over, canceled or deleted: this attempt at it has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimPolicy:
    lease_s: float
    """After so long without a heartbeat a running job may be taken over."""
    keep_s: float
    """How long a job is kept after its end."""


class JobClaims:
    """What a process that runs jobs reads and writes. Every method may raise `StoreUnavailableError`."""

    def __init__(self, database: Database, policy: ClaimPolicy) -> None:
        self._database = database
        self._policy = policy

    @property
    def available(self) -> bool:
        return self._database.available

    async def claim(self, owner: str, *, now: float, limit: int, held: Collection[str] | None = None) -> list[Claim]:
        """Take up to `limit` jobs that wait, or whose holder is not heard of any more, in order of their deadlines.

        Those that were lost too often after they had begun fail here, and so do those whose callers' deadlines have
        passed. `held` are the owner's jobs, as it knows them: it has others by the record alone where the answer to a
        claim was lost.
        """
        while True:
            claims, late = await self._take(owner, now, limit, held)
            if claims or not late:
                return claims

    async def _take(self, owner: str, now: float, limit: int, held: Collection[str] | None) -> tuple[list[Claim], bool]:
        """As `claim`, and whether any came too late: behind those there may be more."""
        unheard = (jobs.c.status == Status.RUNNING) & (jobs.c.lease_until < now)
        lost = unheard & (jobs.c.lease_owner != owner)
        forgotten = false() if held is None else unheard & (jobs.c.lease_owner == owner) & jobs.c.id.not_in(list(held))
        failing = ending(Status.FAILED, now=now, keep_s=self._policy.keep_s)
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
                .cte("free")  # Computed once: PostgreSQL may ask a subquery again for every row, and so take them all.
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
            rows = (await connection.execute(taking)).all()
            made = await images_of(connection, [row.id for row in rows if row.attempt > 1])
            claims = [
                claim_of(row, made.get(row.id, ()))
                for row in sorted(rows, key=lambda row: (row.virtual_deadline_at, row.id))
            ]
            late = {claim.job_id for claim in claims if deadline(claim) <= now}
            if late:
                await connection.execute(failing.where(jobs.c.id.in_(late)).values(failure=_TOO_LATE))
        return [claim for claim in claims if claim.job_id not in late], bool(late)

    async def heartbeat(self, held: Mapping[Claim, LiveState], *, now: float) -> set[Claim]:
        """Extend the leases of what this process runs and record its progress; gives the claims that are lost."""
        lost = set()
        async with self._database.writing() as connection:
            for claim, live in held.items():
                held_still = (
                    update(jobs)
                    .where(*_held_by(claim))
                    .values(
                        lease_until=now + self._policy.lease_s,
                        # What was recorded since `live` was looked at stays.
                        version=case((jobs.c.version > live.version, jobs.c.version), else_=live.version),
                        progress=encoded(live.progress),
                        preview=encoded(live.preview),
                    )
                )
                if (await connection.execute(held_still)).rowcount == 0:
                    lost.add(claim)
        return lost

    async def add_image(self, claim: Claim, image: StoredImage) -> None:
        """Record an image whose file is stored. Raises `LostError`."""
        async with self._fenced(claim, version=image.version) as connection:
            await connection.execute(insert(images).values(image_row(claim.job_id, image)))

    async def finish(
        self, claim: Claim, status: Status, *, version: int, now: float, failure: JobFailure | None = None
    ) -> None:
        """The job's outcome. Raises `LostError`."""
        outcome = {"status": status, "failure": encoded(failure), **UNHELD, **times_of_end(now, self._policy.keep_s)}
        async with self._fenced(claim, version=version, **outcome):
            pass

    async def release(self, claim: Claim) -> None:
        """Put an unfinished job back into the queue. Raises `LostError`."""
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
        """A transaction that updates the claim's job, if the claim still holds."""
        async with self._database.writing() as connection:
            if (await connection.execute(update(jobs).where(*_held_by(claim)).values(**values))).rowcount == 0:
                raise LostError
            yield connection

    async def exists(self, job_id: str) -> bool:
        async with self._database.reading() as connection:
            return (await connection.execute(select(jobs.c.id).where(jobs.c.id == job_id))).first() is not None

    async def probe(self, now: float) -> None:
        """Write something of no value, to see whether writing is possible."""
        async with self._database.writing() as connection:
            await connection.execute(insert_or_ignore(connection, probes).values(only=True, written_at=now))
            await connection.execute(update(probes).values(written_at=now))


def _held_by(claim: Claim) -> tuple[Any, ...]:
    return jobs.c.id == claim.job_id, jobs.c.attempt == claim.attempt, jobs.c.status == Status.RUNNING
