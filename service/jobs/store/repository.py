"""Jobs as those who ask for them see them: accepted, looked up, listed, canceled, deleted. Times are passed in."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select, delete, func, insert, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from service.errors import GoneError, KeyReusedError, NotFoundError, QueueFullError
from service.jobs.records import TERMINAL, JobRecord, Status, StoredImage
from service.jobs.store.database import Database
from service.jobs.store.row_mapping import NewJob, image_row, job_record, new_job_row
from service.jobs.store.statements import ending, find_records, insert_or_ignore
from service.jobs.store.tables import idempotency_keys, images, jobs

_FULL_RETRY_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    key: str
    fingerprint: str
    """Of the body that it came with."""
    expires_at: float


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last job of a page."""

    created_at: float
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryPolicy:
    max_queued: int
    """Jobs that may wait."""
    max_queued_s: float
    """The same in seconds of the device that they are judged to take."""
    keep_s: float
    """How long a job is kept after its end."""


class JobRepository:
    """All reads and writes of jobs. Every method may raise `StoreUnavailableError`."""

    def __init__(self, database: Database, policy: RepositoryPolicy) -> None:
        self._database = database
        self._policy = policy

    @property
    def available(self) -> bool:
        return self._database.available

    async def create(self, job: NewJob, *, now: float, key: IdempotencyKey | None = None) -> tuple[JobRecord, bool]:
        """Put a job into the queue; with a key that was used before, give that job instead, and True.

        Raises `QueueFullError`, `KeyReusedError`, and `GoneError` where the key's job has been deleted.
        """
        async with self._database.writing() as connection:
            if key is not None:
                earlier = await self._claim_key(connection, job, key, now)
                if earlier is not None:
                    return earlier, True
            await self._check_room(connection, job)
            row = (await connection.execute(insert(jobs).values(new_job_row(job, now)).returning(jobs))).one()
        return job_record(row, ()), False

    async def create_ended(
        self, job: NewJob, images_made: Sequence[StoredImage], *, now: float, expires_at: float
    ) -> JobRecord:
        """Record a job whose images are made and stored already; their versions are given here, one after another."""
        rows = [image_row(job.id, image) | {"version": number} for number, image in enumerate(images_made, 1)]
        ended = {
            "status": Status.SUCCEEDED,
            "attempt": 1,
            "version": len(rows) + 1,
            "started_at": now,
            "completed_at": now,
            "expires_at": expires_at,
        }
        async with self._database.writing() as connection:
            await connection.execute(insert(jobs).values(new_job_row(job, now) | ended))
            await connection.execute(insert(images), rows)
            return await self._record(connection, job.id)

    async def get(self, job_id: str, tenant: str | None) -> JobRecord:
        """None is any tenant. Raises `NotFoundError`, for another tenant's job as for one that never was."""
        async with self._database.reading() as connection:
            return await self._record(connection, job_id, tenant)

    async def page(
        self, tenant: str, *, limit: int, after: Cursor | None = None, status: Status | None = None
    ) -> list[JobRecord]:
        """The tenant's jobs, newest first."""
        query = _of_tenant(tenant).order_by(jobs.c.created_at.desc(), jobs.c.id.desc()).limit(limit)
        if after is not None:
            query = query.where(tuple_(jobs.c.created_at, jobs.c.id) < tuple_(after.created_at, after.id))
        if status is not None:
            query = query.where(jobs.c.status == status)
        async with self._database.reading() as connection:
            return await find_records(connection, query)

    async def queue_position(self, job_id: str) -> int | None:
        """How many waiting jobs go before this one; None where it does not wait."""
        other = jobs.alias()
        goes_before = tuple_(other.c.virtual_deadline_at, other.c.id) < tuple_(jobs.c.virtual_deadline_at, jobs.c.id)
        query = (
            select(func.count(other.c.id))
            .select_from(jobs.outerjoin(other, (other.c.status == Status.QUEUED) & goes_before))
            .where(jobs.c.id == job_id, jobs.c.status == Status.QUEUED)
            .group_by(jobs.c.id)
        )
        async with self._database.reading() as connection:
            return (await connection.execute(query)).scalar_one_or_none()

    async def cancel(self, job_id: str, tenant: str, *, now: float) -> JobRecord:
        """End a job that has not ended; one that has stays as it is. Raises `NotFoundError`."""
        async with self._database.writing() as connection:
            await connection.execute(
                ending(Status.CANCELED, now=now, keep_s=self._policy.keep_s).where(
                    jobs.c.id == job_id, jobs.c.tenant == tenant, jobs.c.status.not_in(TERMINAL)
                )
            )
            return await self._record(connection, job_id, tenant)

    async def delete(self, job_id: str, tenant: str) -> bool:
        """Delete the record, whatever its status; whether it was there. The files are the caller's."""
        async with self._database.writing() as connection:
            deleting = delete(jobs).where(jobs.c.id == job_id, jobs.c.tenant == tenant)
            return (await connection.execute(deleting)).rowcount > 0

    async def _claim_key(
        self, connection: AsyncConnection, job: NewJob, key: IdempotencyKey, now: float
    ) -> JobRecord | None:
        """Bind the key to `job`, in whose transaction it is, or give the job that it is bound to."""
        mine = (idempotency_keys.c.tenant == job.tenant) & (idempotency_keys.c.key == key.key)
        gone = idempotency_keys.c.job_id.not_in(select(jobs.c.id))
        await connection.execute(delete(idempotency_keys).where(mine, idempotency_keys.c.expires_at < now, gone))
        binding = insert_or_ignore(connection, idempotency_keys).values(
            tenant=job.tenant, key=key.key, fingerprint=key.fingerprint, job_id=job.id, expires_at=key.expires_at
        )
        # Asked for by RETURNING: psycopg does not say how many rows an INSERT made.
        if (await connection.execute(binding.returning(idempotency_keys.c.key))).first() is not None:
            return None
        bound = (await connection.execute(select(idempotency_keys).where(mine))).one()
        if bound.fingerprint != key.fingerprint:
            raise KeyReusedError("This Idempotency-Key came with another body before.")
        with contextlib.suppress(NotFoundError):
            return await self._record(connection, bound.job_id, job.tenant)
        raise GoneError("The job of this Idempotency-Key has been deleted.")

    async def _check_room(self, connection: AsyncConnection, job: NewJob) -> None:
        """A queue with nothing in it takes a job of any size."""
        waiting = select(func.count(), func.coalesce(func.sum(jobs.c.price_s), 0.0)).where(
            jobs.c.status == Status.QUEUED
        )
        count, price_s = (await connection.execute(waiting)).one()
        if count and (count >= self._policy.max_queued or price_s + job.price_s > self._policy.max_queued_s):
            raise QueueFullError("Too many jobs wait already.", retry_after_s=_FULL_RETRY_S)

    async def _record(self, connection: AsyncConnection, job_id: str, tenant: str | None = None) -> JobRecord:
        query = select(jobs) if tenant is None else _of_tenant(tenant)
        found = await find_records(connection, query.where(jobs.c.id == job_id))
        if not found:
            raise NotFoundError("There is no such job.")
        return found[0]


def _of_tenant(tenant: str) -> Select[Any]:
    return select(jobs).where(jobs.c.tenant == tenant)
