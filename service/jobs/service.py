"""Durable jobs as the API sees them: one object for what can be asked of them, in this process or another's.

It composes the store, the runner and the files, and keeps no state of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import structlog

from service.engine.interface import Engine, ImageFinished, Phase
from service.engine.types import Priority
from service.errors import EngineUnavailableError, NotFoundError, StoreUnavailableError
from service.ids import new_job_id
from service.jobs.background import log_and_continue
from service.jobs.execution.runner import Runner
from service.jobs.records import JobRecord, JobSpec, LiveState, Status, StoredImage
from service.jobs.store.database import Database
from service.jobs.store.image_files import ImageFiles
from service.jobs.store.migrations import migrate
from service.jobs.store.repository import Cursor, IdempotencyKey, JobRepository
from service.jobs.store.row_mapping import NewJob
from service.jobs.upkeep.retention import Retention
from service.jobs.watching.event_diff import EventDiff, EventId, JobEvent
from service.jobs.watching.subscriptions import JobNotifier

_POLL_S: Final = 1.0
"""Between two looks at a job that another process runs."""
_OPEN_RETRY_S: Final = 1.0
_CLOSING_PHASES: Final = (Phase.DRAINING, Phase.FAILED, Phase.STOPPED)

Live: TypeAlias = tuple[int, LiveState]
"""As `Runner.live` gives it."""

_log = structlog.get_logger("darkroom.jobs")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobServiceConfig:
    interactive_deadline_factor: float
    """Factor k of an interactive job's virtual deadline, acceptance + k x its price."""
    batch_deadline_factor: float

    def deadline_factor(self, priority: Priority) -> float:
        return self.interactive_deadline_factor if priority is Priority.INTERACTIVE else self.batch_deadline_factor


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as it stands now."""

    record: JobRecord
    queue_position: int | None
    """How many waiting jobs go before it; None where it does not wait."""


class JobService:
    """All methods belong to one event loop; those that reach the store may raise `StoreUnavailableError`."""

    def __init__(
        self,
        database: Database,
        store: JobRepository,
        files: ImageFiles,
        runner: Runner,
        retention: Retention,
        news: JobNotifier,
        engine: Engine,
        config: JobServiceConfig,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._store = store
        self._files = files
        self._runner = runner
        self._retention = retention
        self._news = news
        self._engine = engine
        self._config = config
        self._clock = clock
        self._opened = False
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def available(self) -> bool:
        """Whether jobs can be accepted and kept, as far as is known."""
        return self._opened and self._database.available and self._files.available

    async def start(self) -> None:
        """Bring the schema up to date and begin to run jobs; where the store is unavailable, as soon as it is.

        Raises `SchemaTooNewError`.
        """
        try:
            await migrate(self._database)
        except StoreUnavailableError:
            self._tasks.append(asyncio.create_task(self._open_later()))
        else:
            self._open()

    def stop_claiming(self) -> None:
        """What runs goes on."""
        self._runner.stop_claiming()

    async def stop(self) -> None:
        """To be called when the engine has ended: jobs that it did not finish go back into the queue."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._runner.stop()
        self._files.close()
        await self._database.close()

    async def submit(
        self, spec: JobSpec, *, tenant: str, fingerprint: tuple[str, str] | None = None, key_lifetime_s: float = 0.0
    ) -> tuple[JobView, bool]:
        """Accept a job, which is on the disk when this returns; with a key that was used before, that job, and True.

        `fingerprint` is an idempotency key and what identifies the body that it came with. Raises `QueueFullError`,
        `KeyReusedError`, `GoneError` and `EngineUnavailableError`.
        """
        self._require_open()
        if self._engine.phase in _CLOSING_PHASES:
            raise EngineUnavailableError("The server is shutting down.", retry_after_s=5.0)
        now = self._clock()
        key = None if fingerprint is None else IdempotencyKey(*fingerprint, expires_at=now + key_lifetime_s)
        record, replayed = await self._store.create(self._new_job(spec, tenant, now), now=now, key=key)
        self._runner.wake()
        return await self._view(record, None), replayed

    async def keep(
        self, spec: JobSpec, made: Sequence[tuple[ImageFinished, bytes]], *, tenant: str, lifetime_s: float
    ) -> JobRecord:
        """Store images and their files that were made without a record, as those of a job that has ended."""
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
            )
            for image, file in made
        ]
        return await self._store.create_ended(job, stored, now=now, expires_at=now + lifetime_s)

    async def get(self, job_id: str, tenant: str) -> JobView:
        """Raises `NotFoundError`."""
        self._require_open()
        live = self._runner.live(job_id)
        return await self._view(await self._store.get(job_id, tenant), live)

    async def page(
        self, tenant: str, *, limit: int, after: Cursor | None = None, status: Status | None = None
    ) -> list[JobView]:
        """The tenant's jobs, newest first."""
        self._require_open()
        return [
            await self._view(record, self._runner.live(record.id))
            for record in await self._store.page(tenant, limit=limit, after=after, status=status)
        ]

    async def cancel(self, job_id: str, tenant: str) -> JobView:
        """End the job unless it has ended; whichever it is, how it stands now. Raises `NotFoundError`."""
        self._require_open()
        record = await self._store.cancel(job_id, tenant, now=self._clock())
        self._runner.drop(job_id)
        self._news.tell(job_id, record_changed=True)
        return JobView(record, None)

    async def delete(self, job_id: str, tenant: str) -> None:
        """Cancel the job if it runs, and leave nothing of it. Raises `NotFoundError`."""
        self._require_open()
        if not await self._store.delete(job_id, tenant):
            raise NotFoundError("There is no such job.")
        self._runner.drop(job_id)
        self._news.tell(job_id, record_changed=True)
        await self._files.delete(job_id)

    async def image(self, job_id: str, index: int, tenant: str | None) -> tuple[StoredImage, bytes]:
        """An image and its file; None is any tenant. Raises `NotFoundError`."""
        self._require_open()
        record = await self._store.get(job_id, tenant)
        stored = next((image for image in record.images if image.index == index), None)
        if stored is None:
            raise NotFoundError("There is no such image.")
        try:
            return stored, await self._files.read(job_id, index, stored.media_type, attempt=stored.attempt)
        except FileNotFoundError:
            _log.error("an image's file is missing", job_id=job_id, index=index)
            raise NotFoundError("There is no such image.") from None

    async def follow(
        self, job_id: str, tenant: str, differences: EventDiff
    ) -> AsyncGenerator[tuple[EventId, JobEvent, JobView], None]:
        """What `differences` does not know yet, until the job has ended.

        Raises `NotFoundError`, also where the job is deleted meanwhile, and `QueueFullError` for too many followers.
        """
        self._require_open()
        with self._news.follow(job_id) as follower:
            view, out_of_date = await self.get(job_id, tenant), False
            while True:
                for event_id, news in differences.news(view.record, view.queue_position):
                    yield event_id, news, view
                if view.record.ended or self._engine.phase is Phase.STOPPED:
                    return  # Stopped, nothing more comes of it here: whoever reads asks the next server.
                out_of_date |= await follower.wait(_POLL_S)
                if out_of_date:
                    with contextlib.suppress(StoreUnavailableError):
                        view, out_of_date = await self.get(job_id, tenant), False
                else:
                    live = self._runner.live(job_id)
                    view = JobView(_with_live(view.record, live), view.queue_position)

    async def wait(self, job_id: str, tenant: str, timeout_s: float) -> JobView:
        """The job when it has ended, or how it stands after `timeout_s`. Raises `NotFoundError`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                async with contextlib.aclosing(self.follow(job_id, tenant, EventDiff())) as news:
                    async for _, _, view in news:
                        if view.record.ended:
                            return view
        return await self.get(job_id, tenant)

    def _new_job(self, spec: JobSpec, tenant: str, now: float) -> NewJob:
        price_s = self._engine.price_s([image.params for image in spec.images])
        return NewJob(
            id=new_job_id(),
            tenant=tenant,
            spec=spec,
            price_s=price_s,
            virtual_deadline_at=now + self._config.deadline_factor(spec.priority) * price_s,
        )

    async def _view(self, record: JobRecord, live: Live | None) -> JobView:
        position = None
        if record.status is Status.QUEUED:
            with contextlib.suppress(StoreUnavailableError):  # What is known of the job is told all the same.
                position = await self._store.queue_position(record.id)
        return JobView(_with_live(record, live), position)

    def _require_open(self) -> None:
        if not self._opened:
            raise StoreUnavailableError("The job store cannot be reached.", retry_after_s=_OPEN_RETRY_S)

    def _open(self) -> None:
        self._opened = True
        self._runner.start()
        self._tasks.append(asyncio.create_task(self._retention.run()))

    async def _open_later(self) -> None:
        while not self._opened:
            await asyncio.sleep(_OPEN_RETRY_S)
            with log_and_continue("opening the job store"):
                await migrate(self._database)
                self._open()


def _with_live(record: JobRecord, live: Live | None) -> JobRecord:
    """What the runner in this process knew beyond the record, before that was read."""
    if live is None or record.status is not Status.RUNNING or live[0] != record.attempt:
        return record
    state = live[1]
    version = max(record.version, state.version)
    return dataclasses.replace(record, version=version, progress=state.progress, preview=state.preview)
