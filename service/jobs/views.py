"""Makes views of jobs for callers: the record, updated with what the store does not know."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import msgspec

from service.engine.interface import Engine
from service.errors import StoreUnavailableError
from service.jobs.records import ImageSummary, JobRecord, JobSummary, LiveState, Status
from service.jobs.store.queue.waiting_jobs import QueuePlace
from service.jobs.store.repository import JobRepository
from service.jobs.watching.event_diff import progress_of

Live: TypeAlias = tuple[int, LiveState]
"""An attempt and its live state, as `Runner.live` returns them."""


@dataclass(frozen=True, slots=True)
class JobView:
    """The current state of a job: its record, updated with what the process that runs it knows."""

    record: JobRecord
    queue_position: int | None = None
    """Number of waiting jobs before it; None where it does not wait."""


class JobViewer:
    """Makes views of jobs. All methods belong to one event loop."""

    def __init__(self, repository: JobRepository, live: Callable[[str], Live | None], engine: Engine) -> None:
        self._repository = repository
        self._live = live
        self._engine = engine

    def live(self, job_id: str) -> Live | None:
        """Returns the live state of a job that this process runs. Take it before the record is read."""
        return self._live(job_id)

    async def get(self, job_id: str, tenant: str | None) -> JobView:
        """Returns the job; None stands for any tenant. Raises `NotFoundError`."""
        live = self.live(job_id)
        return await self.view(await self._repository.get(job_id, tenant), live)

    async def view(self, record: JobRecord, live: Live | None = None) -> JobView:
        """Returns the view of a record. `live` was taken before the record was read."""
        place = None
        if record.status is Status.QUEUED:
            with contextlib.suppress(StoreUnavailableError):  # The record is worth returning without a place.
                place = await self._repository.queue_place(record.id)
        return self._placed(record, place, live)

    def quick_view(self, record: JobRecord, live: Live | None) -> JobView:
        """Returns the view without a query. The place of a waiting job is missing where only the store knows it."""
        return self._placed(record, self._repository.known_place(record.id), live)

    def _placed(self, record: JobRecord, place: QueuePlace | None, live: Live | None) -> JobView:
        if place is not None and record.status is Status.QUEUED:
            return waiting_view(record, place, self._engine.backlog_s)
        return live_view(record, live)


def live_view(record: JobRecord, live: Live | None) -> JobView:
    """Updates a record with the live state, which must have been taken before the record was read."""
    if live is None or record.status is not Status.RUNNING or live[0] != record.attempt:
        return JobView(record)
    state = live[1]
    version = max(record.version, state.version)
    return JobView(dataclasses.replace(record, version=version, progress=state.progress, preview=state.preview))


def waiting_view(record: JobRecord, place: QueuePlace, backlog_s: float) -> JobView:
    """Returns a waiting job with its place and its ETA. `backlog_s` is the work before the queue, in device seconds."""
    progress = msgspec.structs.replace(progress_of(record), eta_s=backlog_s + place.work_s)
    return JobView(dataclasses.replace(record, progress=progress), place.position)


def summary_of(record: JobRecord) -> JobSummary:
    return JobSummary(
        id=record.id,
        tenant=record.tenant,
        status=record.status,
        spec=record.spec,
        attempt=record.attempt,
        progress=record.progress,
        failure=record.failure,
        created_at=record.created_at,
        started_at=record.started_at,
        completed_at=record.completed_at,
        expires_at=record.expires_at,
        images=tuple(
            ImageSummary(
                index=image.index,
                media_type=image.media_type,
                width=image.width,
                height=image.height,
                size_bytes=image.size_bytes,
                sha256=image.sha256,
            )
            for image in record.images
        ),
    )


def live_summary(summary: JobSummary, live: Live | None) -> JobSummary:
    """Updates the progress as `live_view` does."""
    if live is None or summary.status is not Status.RUNNING or live[0] != summary.attempt:
        return summary
    return dataclasses.replace(summary, progress=live[1].progress)
