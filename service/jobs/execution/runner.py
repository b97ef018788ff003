"""Runs jobs: claims them from the queue, has the engine make their images, stores these, and records how they ended.

Whatever goes wrong with the store while a job runs, the job is given back and made again: the images are the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from service.engine.interface import (
    ADMITTING,
    Engine,
    ImageEvent,
    ImageFinished,
    ImagePreview,
    ImageProgress,
)
from service.errors import (
    CanceledError,
    DarkroomError,
    EngineUnavailableError,
    QueueFullError,
    StoreUnavailableError,
    WorkerLostError,
)
from service.images.encoding import Encoder
from service.images.metadata import parameters_text
from service.jobs.background import log_and_continue
from service.jobs.execution.running_job import RunningJob
from service.jobs.records import Claim, JobFailure, JobPreview, LiveState, Status, StoredImage
from service.jobs.store.claims import JobClaims, LostError
from service.jobs.store.image_files import ImageFiles
from service.jobs.watching.subscriptions import JobNotifier
from service.observability.metrics import Metrics

_PREVIEW_QUALITY: Final = 80
_LEAST_TIME_S: Final = 0.001
_NOT_ITS_FAULT: Final = (EngineUnavailableError, QueueFullError, StoreUnavailableError, WorkerLostError)
"""After which a job is given back."""

_log = structlog.get_logger("darkroom.jobs")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerConfig:
    owner: str
    """Names this process among those that share the store."""
    heartbeat_s: float = 1.0
    """Between two extensions of the leases, with which progress is recorded."""
    poll_s: float = 1.0
    """Between two looks for jobs that other processes accepted or lost."""
    embed_parameters: bool = True
    """Whether an image's file carries what it was made with."""
    max_images: int = 32
    """Images of claimed jobs beyond which no more are claimed: enough for one scheduler to order."""
    max_images_at_once: int = 16
    """Images of one job that the engine is given at a time."""


class Runner:
    """All methods belong to one event loop."""

    def __init__(
        self,
        queue: JobClaims,
        files: ImageFiles,
        engine: Engine,
        encoder: Encoder,
        news: JobNotifier,
        metrics: Metrics,
        config: RunnerConfig,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._queue = queue
        self._files = files
        self._engine = engine
        self._encoder = encoder
        self._news = news
        self._metrics = metrics
        self._config = config
        self._clock = clock
        self._running: dict[str, RunningJob] = {}
        self._woken = asyncio.Event()
        self._stopping = False
        self._gave_back = False
        """Whether a job was given back since claiming began: what stood in its way is not gone at once."""
        self._loops: list[asyncio.Task[None]] = []

    def live(self, job_id: str) -> tuple[int, LiveState] | None:
        """The attempt at a job that this process is making, and what is known of it.

        Images and the end count once they are recorded: a record that is read after this has them.
        """
        running = self._running.get(job_id)
        return None if running is None or running.lost else (running.claim.attempt, running.live)

    def start(self) -> None:
        self._loops = [asyncio.create_task(self._claim_for_ever()), asyncio.create_task(self._beat_for_ever())]

    def wake(self) -> None:
        """There may be something to claim."""
        self._woken.set()

    def drop(self, job_id: str) -> None:
        """The job was canceled or deleted: free its rows."""
        running = self._running.get(job_id)
        if running is not None:
            running.lost = True
            if running.job is not None:
                running.job.cancel()

    def stop_claiming(self) -> None:
        self._stopping = True
        self._woken.set()

    async def stop(self) -> None:
        """Wait until what runs has ended or, as the engine has stopped, was given back."""
        self.stop_claiming()
        if self._loops:
            claiming, beating = self._loops
            await claiming  # It may be about to begin one more.
            while tasks := [running.task for running in self._running.values() if running.task is not None]:
                await asyncio.wait(tasks)
            beating.cancel()
            await asyncio.wait([beating])

    async def _claim_for_ever(self) -> None:
        while not self._stopping:
            self._woken.clear()
            with log_and_continue("claiming jobs"):
                if self._engine.phase in ADMITTING and await self._store_works():
                    await self._claim()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._config.poll_s):
                    await self._woken.wait()

    async def _store_works(self) -> bool:
        """After trouble, writing is tried before anything is begun whose images could not be kept."""
        if not self._files.available:
            await self._files.probe()
        if not self._queue.available:
            await self._queue.probe(self._clock())
        return True

    async def _claim(self) -> None:
        """One job at a time, as their numbers of images differ."""
        self._gave_back = False
        while not (self._stopping or self._gave_back) and self._images_ahead() < self._config.max_images:
            claims = await self._queue.claim(self._config.owner, now=self._clock(), limit=1, held=self._running)
            if not claims:
                return
            for claim in claims:
                running = self._running[claim.job_id] = RunningJob(claim)
                running.task = asyncio.create_task(self._run(running))
                self._news.tell(claim.job_id, record_changed=True)

    def _images_ahead(self) -> int:
        return sum(len(running.claim.spec.images) - len(running.claim.done) for running in self._running.values())

    async def _beat_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._config.heartbeat_s)
            held = {running.claim: running.live for running in self._running.values() if not running.lost}
            if not held:
                continue
            with log_and_continue("extending leases"):
                for claim in await self._queue.heartbeat(held, now=self._clock()):
                    running = self._running.get(claim.job_id)
                    if running is not None and running.claim == claim:  # Else it has been claimed anew.
                        self.drop(claim.job_id)

    async def _run(self, running: RunningJob) -> None:
        claim = running.claim
        try:
            outcome = await self._outcome(running)
            if outcome is None:
                self._gave_back = True
                await self._persist(lambda: self._queue.release(claim))
            else:
                await self._finish(running, outcome)
                self.wake()
        except LostError:
            self._metrics.job_ended("canceled", CanceledError.code)
            await self._persist(lambda: self._clear_up(claim))
        finally:
            if self._running.get(claim.job_id) is running:  # Else it was given back without a word, and claimed again.
                del self._running[claim.job_id]
            self._news.tell(claim.job_id, record_changed=True)

    async def _outcome(self, running: RunningJob) -> DarkroomError | Status | None:
        """What became of the job: it succeeded, an error that is its own, or None where it is to be given back."""
        try:
            await self._make(running)
        except LostError:
            raise
        except _NOT_ITS_FAULT:
            return None
        except DarkroomError as error:
            if running.lost:
                raise LostError from None
            return error
        except Exception:  # noqa: BLE001 -- it is this job's failure, whatever it was, and must not be the runner's
            _log.exception("unforeseen error in a job", job_id=running.claim.job_id)
            return DarkroomError()
        return Status.SUCCEEDED

    async def _make(self, running: RunningJob) -> None:
        """Have the missing images made, and store them as they come.

        The engine gets a part of them at a time: it may refuse for ever what is more than it ever has room for.
        """
        missing = [i for i in range(len(running.claim.spec.images)) if i not in running.claim.done]
        for start in range(0, len(missing), self._config.max_images_at_once):
            await self._make_part(running, missing[start : start + self._config.max_images_at_once])

    async def _make_part(self, running: RunningJob, indices: Sequence[int]) -> None:
        claim, spec = running.claim, running.claim.spec
        if running.lost:
            raise LostError
        running.job = job = self._engine.submit(
            [spec.images[index].params for index in indices],
            previews=spec.previews,
            priority=spec.priority,
            tenant=claim.tenant,
            deadline_s=self._time_left_s(claim),
        )
        try:
            async for event in job.events():
                await self._take(running, indices[event.index], event)
        finally:
            job.cancel()

    def _time_left_s(self, claim: Claim) -> float | None:
        """Until the caller has no more use for the job; never quite none, which the engine would not understand."""
        if claim.spec.deadline_s is None:
            return None
        return max(claim.created_at + claim.spec.deadline_s - self._clock(), _LEAST_TIME_S)

    async def _take(self, running: RunningJob, index: int, event: ImageEvent) -> None:
        """What the engine says of the job's image of that index."""
        match event:
            case ImageProgress():
                running.steps[index], running.eta_s[index] = event.step, event.eta_s
                running.note()
                self._news.tell(running.claim.job_id, record_changed=False)
            case ImagePreview():
                data = await self._encoder.encode(event.rgb_image, "webp", quality=_PREVIEW_QUALITY)
                running.note(preview=JobPreview(index, event.step, "image/webp", data))
                self._news.tell(running.claim.job_id, record_changed=False)
            case ImageFinished():
                await self._store(running, index, event)
                self._news.tell(running.claim.job_id, record_changed=True)
            case _:
                pass

    async def _store(self, running: RunningJob, index: int, image: ImageFinished) -> None:
        claim, spec = running.claim, running.claim.spec
        media_type = f"image/{spec.output_format}"
        data = await self._encoder.encode(
            image.rgb_image,
            spec.output_format,
            quality=spec.output_compression,
            parameters=parameters_text(image.params, spec.model) if self._config.embed_parameters else None,
        )
        sha256 = await self._files.put(claim.job_id, index, media_type, data, attempt=claim.attempt)
        stored = StoredImage(
            index=index,
            attempt=claim.attempt,
            version=running.live.version + 1,
            media_type=media_type,
            width=image.rgb_image.width,
            height=image.rgb_image.height,
            size_bytes=len(data),
            sha256=sha256,
            timings=image.timings,
        )
        await self._queue.add_image(claim, stored)
        running.steps[index], running.eta_s[index] = image.params.steps, 0.0
        running.note()

    async def _finish(self, running: RunningJob, outcome: DarkroomError | Status) -> None:
        """Record the outcome, however long the store makes us wait: the job is done."""
        failure = None
        if isinstance(outcome, DarkroomError):
            failure = JobFailure(outcome.code, outcome.message, outcome.field)
        status = Status.SUCCEEDED if failure is None else Status.FAILED
        version = running.live.version + 1
        await self._persist(
            lambda: self._queue.finish(running.claim, status, version=version, now=self._clock(), failure=failure)
        )
        self._metrics.job_ended(status, "" if failure is None else failure.code)

    async def _clear_up(self, claim: Claim) -> None:
        """An image that was stored while its job was being deleted came too late to be deleted with it."""
        if not await self._queue.exists(claim.job_id):
            await self._files.delete(claim.job_id)

    async def _persist(self, write: Callable[[], Awaitable[None]]) -> None:
        """Try until the store takes it. At the end of the process the lease's end will tell instead."""
        while True:
            try:
                await write()
            except StoreUnavailableError:
                if self._stopping:
                    return
                await asyncio.sleep(self._config.poll_s)
            else:
                return
