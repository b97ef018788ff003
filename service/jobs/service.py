"""Submits, looks up, cancels, deletes and follows durable jobs for the API, whichever process runs them.

It starts and stops the store, the runner, the image files and the notifications, which hold all state of jobs.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Final

from service.engine.interface import Engine, ImageFinished, Phase
from service.engine.types import Priority
from service.errors import EngineUnavailableError, NotFoundError, StoreUnavailableError
from service.ids import new_job_id
from service.images.free_space import FreeSpace
from service.images.inputs.raster import InputFile
from service.jobs.checkpoints import JobCheckpoints
from service.jobs.execution.runner import Runner
from service.jobs.following import JobFollowing, Told
from service.jobs.records import JobRecord, JobSpec, JobSummary, Status, StoredImage
from service.jobs.retention_policy import RetentionPolicy
from service.jobs.store.database import Database
from service.jobs.store.idempotency import IdempotencyKey
from service.jobs.store.image_files import ImageFiles
from service.jobs.store.pages import Cursor
from service.jobs.store.repository import JobRepository
from service.jobs.store.row_mapping import NewJob
from service.jobs.stored_images import StoredImages
from service.jobs.tenants.accounts import TenantAccounts
from service.jobs.tenants.allowance import UNLIMITED, Allowance
from service.jobs.upkeep.opening import StoreOpening
from service.jobs.upkeep.queue_refresh import QueueRefresh
from service.jobs.upkeep.retention import Retention
from service.jobs.uploads import Uploads
from service.jobs.views import JobView, live_summary, summary_of
from service.jobs.watching.event_diff import EventDiff
from service.observability.tracing.traces import NO_TRACES, Traces
from service.webhooks.types import Webhook

_OPEN_RETRY_S: Final = 1.0
_SUMMARIES_AT_ONCE: Final = 20
"""Jobs of a list that are in memory at a time. Each may have a spec of `MAX_SPEC_BYTES`."""
_CLOSING_PHASES: Final = (Phase.DRAINING, Phase.FAILED, Phase.STOPPED)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobServiceConfig:
    """Factors k of a job's virtual deadline, which is the time of its acceptance plus k times its price."""

    interactive_deadline_factor: float
    batch_deadline_factor: float

    def deadline_factor(self, priority: Priority) -> float:
        return self.interactive_deadline_factor if priority is Priority.INTERACTIVE else self.batch_deadline_factor


class JobService:
    """The durable jobs of one server, in one event loop. Whatever uses the store may raise `StoreUnavailableError`."""

    def __init__(
        self,
        database: Database,
        repository: JobRepository,
        files: ImageFiles,
        uploads: Uploads,
        checkpoints: JobCheckpoints,
        runner: Runner,
        retention: Retention,
        refresh: QueueRefresh,
        following: JobFollowing,
        engine: Engine,
        config: JobServiceConfig,
        space: FreeSpace,
        tenants: TenantAccounts,
        traces: Traces = NO_TRACES,
    ) -> None:
        self.database: Final = database
        """Other services keep tables in it, too. They may read it once `is_migrated`."""
        self._repository = repository
        self._files = files
        self._images = StoredImages(repository, files)
        self.uploads: Final = uploads
        self._checkpoints = checkpoints
        self._runner = runner
        self._retention = retention
        self._refresh = refresh
        self._following = following
        self.notifier: Final = following.notifier
        self._viewer = following.viewer
        self._engine = engine
        self._config = config
        self.space: Final = space
        self.tenants: Final = tenants
        self._traces = traces
        self._clock = database.clock.now
        self._opening = StoreOpening(database, space)
        self._opened = False
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def is_migrated(self) -> bool:
        """Whether the store was reached, and its schema is up to date."""
        return self._opening.is_migrated

    @property
    def available(self) -> bool:
        """Whether jobs can be accepted and stored, as of the last access to the store."""
        return self._opened and self.database.available and self._files.available

    @property
    def images(self) -> StoredImages:
        """The finished images. Raises `StoreUnavailableError` until the store is open."""
        self._require_open()
        return self._images

    async def check(self) -> None:
        """Brings the store's schema up to date, if it can be reached by now. Raises `UnusableStoreError`."""
        await self._opening.check()

    async def start(self) -> None:
        """Migrates the database and starts to run jobs. If the store is unavailable, tries again in the background.

        Raises `UnusableStoreError`.
        """
        try:
            await self._opening.open()
        except StoreUnavailableError:
            self._tasks.append(asyncio.create_task(self._start_later()))
        else:
            self._start()

    async def stop(self) -> None:
        """Puts unfinished jobs back into the queue and closes the store. Call it after the engine has stopped."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._runner.stop()
        await self._following.stop()
        for storage in (self._files, self.uploads, self._checkpoints):
            storage.close()
        await self.database.close()

    async def submit(
        self,
        spec: JobSpec,
        *,
        tenant: str,
        idempotency: IdempotencyKey | None = None,
        inputs: Sequence[InputFile] = (),
        allowance: Allowance = UNLIMITED,
        webhook: Webhook | None = None,
    ) -> tuple[JobView, bool]:
        """Accepts a job and returns it with False. It is on disk when this returns, with its inputs and webhook.

        If the idempotency key was used before, returns the job that it names with True instead. Raises
        `QueueFullError`, `KeyReusedError`, `GoneError`, `StorageFullError`, `EngineUnavailableError`, and what
        `allowance` raises for a job that is new.
        """
        self._require_open()
        self.space.require()
        if self._engine.phase in _CLOSING_PHASES:
            raise EngineUnavailableError("The server is shutting down.", retry_after_s=5.0)
        now = self._clock()
        job = self._new_job(spec.in_trace(self._traces.traceparent()), tenant, now, webhook)
        async with self.uploads.staged(inputs) as starts_from:
            with self.tenants.admitting(job, allowance, self._engine.backlog_s) as admit:
                record, replayed = await self._repository.create(
                    job, now=now, idempotency=idempotency, starts_from=starts_from, admit=admit
                )
                if replayed:
                    self.tenants.allowances.leave(job.id, 0.0)
        self._runner.wake()
        self.notifier.announce_waiting()
        return await self._viewer.view(record), replayed

    async def store_finished(
        self, spec: JobSpec, finished: Sequence[tuple[ImageFinished, bytes]], *, tenant: str, lifetime_s: float
    ) -> JobRecord:
        """Stores images that were made without a job, with their encoded files, as a job that has succeeded.

        The job expires after `lifetime_s`.
        """
        self._require_open()
        now = self._clock()
        job = self._new_job(spec, tenant, now)
        media_type = f"image/{spec.output_format}"
        stored = [
            StoredImage(
                index=image.index,
                attempt=1,
                version=1,
                media_type=media_type,
                width=image.params.width,
                height=image.params.height,
                size_bytes=len(file),
                sha256=await self._files.put(job.id, image.index, media_type, file),
                timings=image.timings,
                prompt_lengths=image.prompt_lengths,
            )
            for image, file in finished
        ]
        expires_at = RetentionPolicy(lifetime_s).expires_at(now)
        self.tenants.stored.add(tenant, sum(image.size_bytes for image in stored))
        return await self._repository.create_ended(job, stored, now=now, expires_at=expires_at)

    async def get(self, job_id: str, tenant: str | None) -> JobView:
        """Returns the job; None stands for any tenant. Raises `NotFoundError`."""
        self._require_open()
        return await self._viewer.get(job_id, tenant)

    async def summaries(
        self, tenant: str, *, at_most: int, after: Cursor | None = None, status: Status | None = None
    ) -> AsyncGenerator[JobSummary, None]:
        """Yields up to `at_most` of the tenant's jobs, newest first.

        They are read a few at a time, so that a reader who stops early has cost little more than it took.
        """
        self._require_open()
        while at_most > 0:
            limit = min(at_most, _SUMMARIES_AT_ONCE)
            found = await self._repository.page(tenant, limit=limit, after=after, status=status)
            for record in found:
                yield live_summary(summary_of(record), self._runner.live(record.id))
            if len(found) < limit:
                return
            at_most -= limit
            after = Cursor(found[-1].created_at, found[-1].id)

    async def cancel(self, job_id: str, tenant: str) -> JobView:
        """Ends the job unless it has ended, and returns its state. Raises `NotFoundError`."""
        self._require_open()
        self.space.update_reserve()
        record = await self._repository.cancel(job_id, tenant, now=self._clock())
        if not self._runner.drop(job_id):
            self.tenants.allowances.leave(job_id, 0.0)
        self.notifier.notify(job_id, record_changed=True)
        await self._checkpoints.forget(job_id)
        return JobView(record, None)

    async def delete(self, job_id: str, tenant: str) -> None:
        """Cancels the job if it runs, and deletes its record and its images. Raises `NotFoundError`."""
        self._require_open()
        self.space.update_reserve()
        if not await self._repository.delete(job_id, tenant):
            raise NotFoundError("There is no such job.")
        if not self._runner.drop(job_id):
            self.tenants.allowances.leave(job_id, 0.0)
        self.notifier.notify(job_id, record_changed=True)
        await self._checkpoints.forget(job_id)
        await self._files.delete(job_id)
        await self.uploads.delete_unused()

    def follow(self, job_id: str, tenant: str, diff: EventDiff) -> AsyncGenerator[Told, None]:
        """Yields the events that `diff` has not seen, as `JobFollowing.follow` does. Open a stream for it first."""
        self._require_open()
        return self._following.follow(job_id, tenant, diff)

    def open_stream(self, tenant: str) -> contextlib.AbstractContextManager[None]:
        """Counts a reader of events for the length of a block. Entering it raises what `StreamLimits.open` raises."""
        return self._following.streams.open(tenant)

    async def wait(self, job_id: str, tenant: str, timeout_s: float) -> JobView:
        """Returns the job when it has ended, or its state after `timeout_s`.

        Raises `NotFoundError`, and what `open_stream` raises where too many wait.
        """
        self._require_open()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                if ended := await self._following.ended(job_id, tenant):
                    return ended
        return await self.get(job_id, tenant)

    def _new_job(self, spec: JobSpec, tenant: str, now: float, webhook: Webhook | None = None) -> NewJob:
        price_s = self._engine.price_s([image.params for image in spec.images])
        return NewJob(
            id=new_job_id(),
            tenant=tenant,
            spec=spec,
            price_s=price_s,
            virtual_deadline_at=now + self._config.deadline_factor(spec.priority) * price_s,
            webhook=webhook,
        )

    def _require_open(self) -> None:
        if not self._opened:
            raise StoreUnavailableError("The job store cannot be reached.", retry_after_s=_OPEN_RETRY_S)

    def _start(self) -> None:
        self._opened = True
        self._runner.start()
        self._following.start()
        self._tasks += [asyncio.create_task(self._retention.run()), asyncio.create_task(self._refresh.run())]

    async def _start_later(self) -> None:
        await self._opening.open_eventually()
        self._start()
