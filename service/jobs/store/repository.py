"""Accepts, looks up, lists, cancels and deletes jobs for callers. `store.claims` serves the processes that run them.

All times are Unix seconds, passed in by the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, bindparam, delete, func, insert, select, tuple_

from service.errors import CanceledError, NotFoundError, QueueFullError
from service.jobs.records import TERMINAL, JobRecord, JobVersion, Status, StoredImage, UnmadeJob
from service.jobs.retention_policy import RetentionPolicy
from service.jobs.store.database import Database
from service.jobs.store.idempotency import IdempotencyKey, bind_key, bound_job
from service.jobs.store.pages import Cursor, read_page
from service.jobs.store.queue.tenant_queue import WaitingJob
from service.jobs.store.queue.waiting_jobs import QueuePlace, WaitingJobs
from service.jobs.store.row_mapping import (
    NewJob,
    image_row,
    job_record,
    job_version,
    new_job_row,
    new_record,
    stored_image,
    unmade_job,
)
from service.jobs.store.statements import ENDING, WAITING_COLUMNS, ending_values, images_of
from service.jobs.store.tables import QUEUED, RUNNING, images, jobs
from service.jobs.store.uploads import StoredUpload, attach_uploads
from service.jobs.store.webhooks import attach_webhook

_FULL_RETRY_S: Final = 30.0
_MAX_INLINE: Final = 64
"""Up to this number of jobs, versions are read on the event loop."""
_MAX_IDS: Final = 500
"""Maximum number of ids in one statement."""

_INSERT: Final = insert(jobs)
_JOB: Final = select(jobs).where(jobs.c.id == bindparam("id"))
_JOB_OF_TENANT: Final = _JOB.where(jobs.c.tenant == bindparam("owner"))
_IMAGE: Final = (
    select(images)
    .join(jobs, jobs.c.id == images.c.job_id)
    .where(images.c.job_id == bindparam("job"), images.c.image_index == bindparam("index"))
)
_IMAGE_OF_TENANT: Final = _IMAGE.where(jobs.c.tenant == bindparam("owner"))
_CANCEL: Final = ENDING.where(
    jobs.c.id == bindparam("job"), jobs.c.tenant == bindparam("owner"), jobs.c.status.not_in(TERMINAL)
)
_WAITING_JOB: Final = _JOB_OF_TENANT.where(QUEUED).with_for_update()
_DELETE: Final = delete(jobs).where(jobs.c.id == bindparam("job"), jobs.c.tenant == bindparam("owner"))
_VERSIONS: Final = select(jobs.c.id, jobs.c.status, jobs.c.attempt, jobs.c.version, jobs.c.progress).where(
    jobs.c.id.in_(bindparam("ids", expanding=True))
)
_WAITING: Final = select(*WAITING_COLUMNS).where(QUEUED)
_RUNNING: Final = select(jobs.c.id, jobs.c.tenant).where(RUNNING)
_before: Final = tuple_(jobs.c.virtual_deadline_at, jobs.c.id) < tuple_(bindparam("deadline"), bindparam("id"))
_PLACE: Final = select(func.count(), func.coalesce(func.sum(jobs.c.price_s), 0.0)).where(QUEUED, _before)


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryPolicy:
    max_queued: int
    """Maximum number of waiting jobs."""
    max_queued_s: float
    """Maximum sum of the waiting jobs' prices in device seconds."""
    retention: RetentionPolicy
    max_queued_bytes: int = 256 << 20
    """Maximum size of the waiting jobs' specs together."""


class JobRepository:
    """The store as seen by the API. Every method may raise `StoreUnavailableError`.

    A method that returns one job raises `UnreadableSpecError` if this version cannot read it.
    """

    def __init__(
        self,
        database: Database,
        policy: RepositoryPolicy,
        waiting: WaitingJobs,
        on_unmade: Callable[[UnmadeJob], None] = lambda _: None,
    ) -> None:
        """`waiting` is the process's copy of the queue, shared with its `JobClaims`. `on_unmade` is called for each job
        that is canceled or deleted while it waits.
        """
        self._database = database
        self._policy = policy
        self._waiting = waiting
        self._on_unmade = on_unmade

    async def create(
        self,
        job: NewJob,
        *,
        now: float,
        idempotency: IdempotencyKey | None = None,
        starts_from: Sequence[StoredUpload] = (),
        admit: Callable[[], None] = lambda: None,
    ) -> tuple[JobRecord, bool]:
        """Puts a job into the queue and returns it with False. The files of `starts_from` are stored.

        If the idempotency key was used before, returns the job that it names with True instead. Raises
        `QueueFullError`, `KeyReusedError` where the key came with another body, and `GoneError` where the key's job
        has been deleted. `admit` is called for a job that is new and has room, and may raise. A refusal writes nothing.
        """
        if idempotency is not None:
            earlier = await self._database.read(lambda connection: bound_job(connection, job.tenant, idempotency, now))
            if earlier is not None:
                return earlier, True
        row = new_job_row(job, now)
        entering = WaitingJob(*(row[name] for name in WaitingJob._fields))
        self._check_room(entering)
        admit()

        def record(connection: Connection) -> JobRecord | None:
            if idempotency and (bound := bind_key(connection, job.tenant, job.id, idempotency, now)):
                return bound
            connection.execute(_INSERT, row)
            attach_uploads(connection, job.id, job.tenant, starts_from)
            attach_webhook(connection, job)
            return None

        with self._waiting.entering(entering):
            bound = await self._database.write(record)
        if bound is not None:
            self._waiting.remove(job.id)
            return bound, True
        return new_record(job, now), False

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

        def record(connection: Connection) -> JobRecord:
            connection.execute(_INSERT, new_job_row(job, now) | ended)
            connection.execute(insert(images), rows)
            return _record(connection, job.id)

        return await self._database.write(record)

    async def get(self, job_id: str, tenant: str | None) -> JobRecord:
        """Returns the job if it belongs to the tenant; None stands for any tenant.

        Raises `NotFoundError`, equally for another tenant's job and for one that never existed.
        """
        return await self._database.read(lambda connection: _record(connection, job_id, tenant))

    async def image(self, job_id: str, index: int, tenant: str | None) -> StoredImage | None:
        """Returns a finished image of the tenant's job, without the rest of the job; None stands for any tenant."""
        query, values = _IMAGE if tenant is None else _IMAGE_OF_TENANT, {"job": job_id, "index": index, "owner": tenant}
        row = await self._database.read(lambda connection: connection.execute(query, values).one_or_none())
        return None if row is None else stored_image(row)

    async def page(
        self, tenant: str, *, limit: int, after: Cursor | None = None, status: Status | None = None
    ) -> list[JobRecord]:
        """Returns up to `limit` of the tenant's jobs, newest first. Jobs that this version cannot read are left out.

        Fewer than `limit` jobs mean that no more exist.
        """
        return await self._database.scan(lambda connection: read_page(connection, tenant, limit, after, status))

    async def versions(self, job_ids: Sequence[str]) -> dict[str, JobVersion]:
        """Returns the versions of the jobs that exist, by id."""
        run = self._database.read if len(job_ids) <= _MAX_INLINE else self._database.scan
        return await run(lambda connection: _versions(connection, job_ids))

    def known_place(self, job_id: str) -> QueuePlace | None:
        """Returns the place of a waiting job in the queue without a query, or None where it is not known."""
        return self._waiting.place(job_id)

    async def queue_place(self, job_id: str) -> QueuePlace | None:
        """Returns the place of a waiting job in the queue, or None where it does not wait."""
        known = self._waiting.place(job_id)
        return known or await self._database.scan(lambda connection: _place(connection, job_id))

    async def refresh_waiting(self) -> None:
        """Brings this process's copy of the queue up to date."""
        self._waiting.begin_snapshot()
        snapshot = await self._database.scan(
            lambda connection: [WaitingJob(*row) for row in connection.execute(_WAITING)]
        )
        self._waiting.replace(snapshot)

    async def running(self) -> dict[str, str]:
        """Returns the ids of the jobs that some process runs, with their tenants."""
        return await self._database.scan(
            lambda connection: {row.id: row.tenant for row in connection.execute(_RUNNING)}
        )

    async def cancel(self, job_id: str, tenant: str, *, now: float) -> JobRecord:
        """Cancels a job unless it has ended, and returns it. Raises `NotFoundError`."""
        values = ending_values(Status.CANCELED, now=now, retention=self._policy.retention)

        def cancel(connection: Connection) -> tuple[UnmadeJob | None, JobRecord]:
            unmade = _canceled_waiting(connection, job_id, tenant)
            connection.execute(_CANCEL, {**values, "job": job_id, "owner": tenant})
            return unmade, _record(connection, job_id, tenant)

        unmade, record = await self._database.write(cancel)
        self._left_unmade(job_id, unmade)
        return record

    async def delete(self, job_id: str, tenant: str) -> bool:
        """Deletes the record, whatever its status, and returns whether it existed. Does not delete the image files."""

        def delete(connection: Connection) -> tuple[UnmadeJob | None, bool]:
            unmade = _canceled_waiting(connection, job_id, tenant)
            return unmade, connection.execute(_DELETE, {"job": job_id, "owner": tenant}).rowcount > 0

        # Tried on a full disk too, although writes have just failed there: it makes room.
        unmade, deleted = await self._database.write(delete, urgent=True)
        if deleted:
            self._left_unmade(job_id, unmade)
        return deleted

    def _left_unmade(self, job_id: str, unmade: UnmadeJob | None) -> None:
        self._waiting.remove(job_id)
        if unmade is not None:
            self._on_unmade(unmade)

    def _check_room(self, job: WaitingJob) -> None:
        """Raises `QueueFullError` where the queue has no room. An empty queue accepts a job of any size."""
        waiting, policy = self._waiting.totals(), self._policy
        if waiting.jobs and (
            waiting.jobs >= policy.max_queued
            or waiting.price_s + job.price_s > policy.max_queued_s
            or waiting.spec_bytes + job.spec_bytes > policy.max_queued_bytes
        ):
            raise QueueFullError("The job queue is full. Try again later.", retry_after_s=_FULL_RETRY_S)


def _record(connection: Connection, job_id: str, tenant: str | None = None) -> JobRecord:
    query = _JOB if tenant is None else _JOB_OF_TENANT
    row = connection.execute(query, {"id": job_id, "owner": tenant}).one_or_none()
    if row is None:
        raise NotFoundError("There is no such job.")
    return job_record(row, images_of(connection, [job_id]).get(job_id, ()))


def _canceled_waiting(connection: Connection, job_id: str, tenant: str) -> UnmadeJob | None:
    """Returns the job as one that is canceled, if it waits."""
    row = connection.execute(_WAITING_JOB, {"id": job_id, "owner": tenant}).one_or_none()
    return None if row is None else unmade_job(row, Status.CANCELED, CanceledError.code)


def _versions(connection: Connection, job_ids: Sequence[str]) -> dict[str, JobVersion]:
    return {
        job_id: job_version(*version)
        for start in range(0, len(job_ids), _MAX_IDS)
        for job_id, *version in connection.execute(_VERSIONS, {"ids": job_ids[start : start + _MAX_IDS]})
    }


def _place(connection: Connection, job_id: str) -> QueuePlace | None:
    query = select(jobs.c.virtual_deadline_at, jobs.c.price_s).where(QUEUED, jobs.c.id == job_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    position, work_s = connection.execute(_PLACE, {"deadline": row.virtual_deadline_at, "id": job_id}).one()
    return QueuePlace(position, work_s + row.price_s)
