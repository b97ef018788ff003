"""Jobs as callers see them: accept, look up, list, cancel, delete. How jobs are run is in `store.claims`.

All times are Unix seconds, passed in by the caller.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import structlog
from sqlalchemy import Row, Select, delete, func, insert, select, true, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from service.errors import GoneError, KeyReusedError, NotFoundError, QueueFullError
from service.jobs.records import TERMINAL, JobRecord, Status, StoredImage
from service.jobs.retention_policy import RetentionPolicy
from service.jobs.store.database import Database
from service.jobs.store.row_mapping import NewJob, image_row, job_record, new_job_row
from service.jobs.store.spec_format import UnreadableSpecError
from service.jobs.store.statements import ending, images_of, insert_or_ignore
from service.jobs.store.tables import idempotency_keys, images, jobs
from service.jobs.store.uploads import StoredUpload, attach_uploads

_FULL_RETRY_S: Final = 30.0

_log = structlog.get_logger("darkroom.jobs")


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A caller's key for one request: the same key and body again name the same job."""

    key: str
    fingerprint: str
    """Hash of the request body."""
    lifetime_s: float
    """The key is remembered for at least this long, and as long as its job's record exists."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last job of a page; the next page starts after it."""

    created_at: float
    id: str


class QueuePlace(NamedTuple):
    """Where a waiting job stands in the queue."""

    position: int
    """Number of the waiting jobs that come before it."""
    work_s: float
    """Sum of their prices and its own, in device seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryPolicy:
    max_queued: int
    """Maximum number of waiting jobs."""
    max_queued_s: float
    """Maximum sum of the waiting jobs' prices in device seconds."""
    retention: RetentionPolicy


class JobRepository:
    """The store as seen by the API. Every method may raise `StoreUnavailableError`.

    A method that returns one job raises `UnreadableSpecError` if this version cannot read it.
    """

    def __init__(self, database: Database, policy: RepositoryPolicy) -> None:
        self._database = database
        self._policy = policy

    async def create(
        self,
        job: NewJob,
        *,
        now: float,
        idempotency: IdempotencyKey | None = None,
        starts_from: Sequence[StoredUpload] = (),
    ) -> tuple[JobRecord, bool]:
        """Puts a job into the queue and returns it with False. The files of `starts_from` are stored.

        If the idempotency key was used before, returns the job that it names with True instead. Raises
        `QueueFullError`, `KeyReusedError` where the key came with another body, and `GoneError` where the key's job
        has been deleted.
        """
        async with self._database.writing() as connection:
            if idempotency is not None:
                earlier = await self._bind_key(connection, job, idempotency, now)
                if earlier is not None:
                    return earlier, True
            await self._check_room(connection, job)
            row = (await connection.execute(insert(jobs).values(new_job_row(job, now)).returning(jobs))).one()
            await attach_uploads(connection, job.id, job.tenant, starts_from)
        return job_record(row, ()), False

    async def create_ended(
        self, job: NewJob, finished: Sequence[StoredImage], *, now: float, expires_at: float
    ) -> JobRecord:
        """Records a job that has succeeded and whose image files are stored. Numbers the images' versions from 1."""
        rows = [image_row(job.id, image) | {"version": number} for number, image in enumerate(finished, 1)]
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
        """Returns the job if it belongs to the tenant; None stands for any tenant.

        Raises `NotFoundError`, which does not tell another tenant's job from one that never existed.
        """
        async with self._database.reading() as connection:
            return await self._record(connection, job_id, tenant)

    async def page(
        self, tenant: str, *, limit: int, after: Cursor | None = None, status: Status | None = None
    ) -> list[JobRecord]:
        """Returns up to `limit` of the tenant's jobs, newest first. Jobs that this version cannot read are left out.

        Fewer than `limit` jobs mean that no more exist.
        """
        records: list[JobRecord] = []
        query = _of_tenant(tenant).order_by(jobs.c.created_at.desc(), jobs.c.id.desc())
        if status is not None:
            query = query.where(jobs.c.status == status)
        async with self._database.reading() as connection:
            while missing := limit - len(records):
                older = (
                    true()
                    if after is None
                    else tuple_(jobs.c.created_at, jobs.c.id) < tuple_(after.created_at, after.id)
                )
                rows = (await connection.execute(query.where(older).limit(missing))).all()
                records += await _readable(connection, rows)
                if len(rows) < missing:
                    break
                after = Cursor(rows[-1].created_at, rows[-1].id)
        return records

    async def queue_place(self, job_id: str) -> QueuePlace | None:
        """Returns the place of a waiting job in the queue, or None where it does not wait."""
        other = jobs.alias()
        goes_before = tuple_(other.c.virtual_deadline_at, other.c.id) < tuple_(jobs.c.virtual_deadline_at, jobs.c.id)
        query = (
            select(func.count(other.c.id), func.coalesce(func.sum(other.c.price_s), 0.0) + jobs.c.price_s)
            .select_from(jobs.outerjoin(other, (other.c.status == Status.QUEUED) & goes_before))
            .where(jobs.c.id == job_id, jobs.c.status == Status.QUEUED)
            .group_by(jobs.c.id, jobs.c.price_s)
        )
        async with self._database.reading() as connection:
            place = (await connection.execute(query)).one_or_none()
        return None if place is None else QueuePlace(*place)

    async def cancel(self, job_id: str, tenant: str, *, now: float) -> JobRecord:
        """Ends a job that has not ended; a job that has stays as it is. Raises `NotFoundError`."""
        async with self._database.writing() as connection:
            await connection.execute(
                ending(Status.CANCELED, now=now, retention=self._policy.retention).where(
                    jobs.c.id == job_id, jobs.c.tenant == tenant, jobs.c.status.not_in(TERMINAL)
                )
            )
            return await self._record(connection, job_id, tenant)

    async def delete(self, job_id: str, tenant: str) -> bool:
        """Deletes the record, whatever its status, and returns whether it existed. Does not delete the image files."""
        async with self._database.writing() as connection:
            deleting = delete(jobs).where(jobs.c.id == job_id, jobs.c.tenant == tenant)
            return (await connection.execute(deleting)).rowcount > 0

    async def _bind_key(
        self, connection: AsyncConnection, job: NewJob, idempotency: IdempotencyKey, now: float
    ) -> JobRecord | None:
        """Binds the key to `job` in the open transaction, or returns the job that the key is bound to."""
        mine = (idempotency_keys.c.tenant == job.tenant) & (idempotency_keys.c.key == idempotency.key)
        job_is_gone = idempotency_keys.c.job_id.not_in(select(jobs.c.id))
        await connection.execute(delete(idempotency_keys).where(mine, idempotency_keys.c.expires_at < now, job_is_gone))
        binding = insert_or_ignore(connection, idempotency_keys).values(
            tenant=job.tenant,
            key=idempotency.key,
            fingerprint=idempotency.fingerprint,
            job_id=job.id,
            expires_at=now + idempotency.lifetime_s,
        )
        # RETURNING tells whether a row was inserted. psycopg does not report the row count of an INSERT.
        if (await connection.execute(binding.returning(idempotency_keys.c.key))).first() is not None:
            return None
        bound = (await connection.execute(select(idempotency_keys).where(mine))).one()
        if bound.fingerprint != idempotency.fingerprint:
            raise KeyReusedError("This Idempotency-Key was already used with a different body.")
        with contextlib.suppress(NotFoundError):
            return await self._record(connection, bound.job_id, job.tenant)
        raise GoneError("The job of this Idempotency-Key has been deleted.")

    async def _check_room(self, connection: AsyncConnection, job: NewJob) -> None:
        """Raises `QueueFullError` where the queue has no room. An empty queue accepts a job of any size."""
        waiting = select(func.count(), func.coalesce(func.sum(jobs.c.price_s), 0.0)).where(
            jobs.c.status == Status.QUEUED
        )
        count, price_s = (await connection.execute(waiting)).one()
        if count and (count >= self._policy.max_queued or price_s + job.price_s > self._policy.max_queued_s):
            raise QueueFullError("The job queue is full. Try again later.", retry_after_s=_FULL_RETRY_S)

    async def _record(self, connection: AsyncConnection, job_id: str, tenant: str | None = None) -> JobRecord:
        query = select(jobs) if tenant is None else _of_tenant(tenant)
        row = (await connection.execute(query.where(jobs.c.id == job_id))).one_or_none()
        if row is None:
            raise NotFoundError("There is no such job.")
        return job_record(row, (await images_of(connection, [job_id])).get(job_id, ()))


def _of_tenant(tenant: str) -> Select[Any]:
    return select(jobs).where(jobs.c.tenant == tenant)


async def _readable(connection: AsyncConnection, rows: Sequence[Row[Any]]) -> list[JobRecord]:
    """Returns the records of the jobs that this version can read, and logs the others."""
    stored = await images_of(connection, [row.id for row in rows])
    records = []
    for row in rows:
        try:
            records.append(job_record(row, stored.get(row.id, ())))
        except UnreadableSpecError as error:
            _log.warning("a job is left out of a list", job_id=row.id, reason=error.message)
    return records
