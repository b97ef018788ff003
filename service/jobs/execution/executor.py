"""Makes the images of one claimed job: submits them to the engine, stores each one, and returns how the job ended.

The engine takes them as accepted work, which it never refuses for want of room. This module neither claims jobs nor
records their outcome; `runner` does.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from pipelines.work_plan import total_steps
from service.engine.interface import (
    Engine,
    ImageCheckpoint,
    ImageEvent,
    ImageFinished,
    ImageLoading,
    ImagePreview,
    ImageProgress,
    ImageStarted,
)
from service.errors import (
    DarkroomError,
    EngineUnavailableError,
    ResultDiscardedError,
    StoreUnavailableError,
    WorkerLostError,
)
from service.images.encoding import Encoder
from service.images.metadata import parameters_text
from service.jobs.checkpoints import JobCheckpoints
from service.jobs.execution.running_job import RunningJob
from service.jobs.records import Claim, JobFailure, JobPreview, Status, StoredImage
from service.jobs.store.claims import JobClaims, LostError
from service.jobs.store.image_files import ImageFiles
from service.jobs.uploads import Uploads
from service.jobs.watching.subscriptions import JobNotifier

_PREVIEW_FORMAT: Final = "webp"
_PREVIEW_QUALITY: Final = 80
_MIN_DEADLINE_S: Final = 0.001
_NOT_THE_JOBS_FAULT: Final = (EngineUnavailableError, ResultDiscardedError, StoreUnavailableError, WorkerLostError)
"""Errors after which a job goes back into the queue. Making it again gives the same images."""

_log = structlog.get_logger("darkroom.jobs")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorConfig:
    embed_parameters: bool = True
    """Whether image files carry their generation parameters."""
    max_images_at_once: int = 16
    """Images of one job that the engine has at a time. It bounds the finished images that wait to be stored."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended."""

    status: Status
    failure: JobFailure | None = None
    recorded: bool = False
    """Whether the store knows it already: a job's end is recorded together with its last image."""

    @property
    def code(self) -> str:
        """The public code of the failure; empty where there is none."""
        return "" if self.failure is None else self.failure.code


class JobExecutor:
    """All methods belong to one event loop."""

    def __init__(
        self,
        claims: JobClaims,
        files: ImageFiles,
        uploads: Uploads,
        checkpoints: JobCheckpoints,
        engine: Engine,
        encoder: Encoder,
        notifier: JobNotifier,
        config: ExecutorConfig,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._claims = claims
        self._files = files
        self._uploads = uploads
        self._checkpoints = checkpoints
        self._engine = engine
        self._encoder = encoder
        self._notifier = notifier
        self._config = config
        self._clock = clock

    async def execute(self, running: RunningJob) -> Outcome | None:
        """Makes the missing images. Returns None where the job should go back into the queue.

        Raises `LostError` where the job no longer belongs to this process.
        """
        outcome = await self._outcome(running)
        if outcome is None:
            await self._checkpoints.put_back(running.claim.job_id, running.resumed)
        else:
            await self._checkpoints.forget(running.claim.job_id)
        return outcome

    async def _outcome(self, running: RunningJob) -> Outcome | None:
        had_work = bool(running.missing)
        try:
            await self._make_images(running)
        except _NOT_THE_JOBS_FAULT:
            return None
        except DarkroomError as error:
            if running.lost:
                raise LostError from None
            return None if running.given_back else _failed(error)
        except LostError:
            raise
        except Exception:  # noqa: BLE001 -- an unexpected error fails this job and no other
            _log.exception("unexpected error in a job", job_id=running.claim.job_id)
            return _failed(DarkroomError())
        return Outcome(Status.SUCCEEDED, recorded=had_work)

    async def _make_images(self, running: RunningJob) -> None:
        missing = sorted(running.missing)
        for start in range(0, len(missing), self._config.max_images_at_once):
            await self._make_part(running, missing[start : start + self._config.max_images_at_once])

    async def _make_part(self, running: RunningJob, indices: Sequence[int]) -> None:
        claim, spec = running.claim, running.claim.spec
        images = [spec.images[index].params for index in indices]
        inputs = await self._uploads.pixels(claim.tenant, [key for params in images for key in params.pixels])
        checkpoints = await self._checkpoints.load(claim.job_id, indices) if claim.attempt > 1 else {}
        if running.lost:
            raise LostError
        running.resumed |= checkpoints.keys()
        running.span.submitted()
        running.engine_job = engine_job = self._engine.submit(
            images,
            previews=spec.previews,
            priority=spec.priority,
            tenant=claim.tenant,
            deadline_s=self._time_left_s(claim),
            inputs=inputs,
            checkpoint_every=self._checkpoints.every_steps,
            checkpoints={n: checkpoints[index] for n, index in enumerate(indices) if index in checkpoints},
            accepted=True,
        )
        try:
            async for event in engine_job.events():
                await self._handle(running, indices[event.index], event)
        finally:
            engine_job.cancel()
            running.used_s += engine_job.used_s

    def _time_left_s(self, claim: Claim) -> float | None:
        """Returns the seconds until the caller's deadline, at least a small positive number, or None without one."""
        if claim.spec.deadline_s is None:
            return None
        return max(claim.created_at + claim.spec.deadline_s - self._clock(), _MIN_DEADLINE_S)

    async def _handle(self, running: RunningJob, index: int, event: ImageEvent) -> None:
        """Handles an engine event about the image with this index in the whole job."""
        match event:
            case ImageLoading():
                running.record_loading(index, event.wait_s)
                self._notifier.notify(running.claim.job_id, record_changed=False)
            case ImageStarted():
                running.mark_begun(index)  # Readers see no change in it: the next heartbeat records it.
                if index in running.resumed:
                    await self._checkpoints.put_on_trial(running.claim.job_id, index)
            case ImageProgress():
                running.record_step(index, event.step, event.eta_s)
                self._notifier.notify(running.claim.job_id, record_changed=False)
            case ImagePreview():
                data = await self._encoder.encode(event.rgb_image, _PREVIEW_FORMAT, quality=_PREVIEW_QUALITY)
                running.update_live(preview=JobPreview(index, event.step, f"image/{_PREVIEW_FORMAT}", data))
                self._notifier.notify(running.claim.job_id, record_changed=False)
            case ImageCheckpoint() if not running.lost:
                await self._checkpoints.keep(running.claim.job_id, index, event.data)
                running.resumed.discard(index)
            case ImageFinished():
                running.span.image_finished(index, event.timings)
                await self._store(running, index, event)
                self._notifier.notify(running.claim.job_id, record_changed=True)

    async def _store(self, running: RunningJob, index: int, image: ImageFinished) -> None:
        """Encodes the image, stores its file, and then records it. Raises `LostError`."""
        if running.lost:
            raise LostError
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
            prompt_lengths=image.prompt_lengths,
        )
        await self._record(running, stored)
        running.missing.discard(index)
        running.stored_bytes += len(data)
        running.resumed.discard(index)
        await self._checkpoints.forget_image(claim.job_id, index)
        running.record_step(index, total_steps(image.params), 0.0)

    async def _record(self, running: RunningJob, image: StoredImage) -> None:
        """Records an image whose file is stored. Raises `LostError`, and then deletes the file, which nobody needs."""
        claim, is_last = running.claim, running.missing == {image.index}
        try:
            await self._claims.add_image(claim, image, last_at=self._clock() if is_last else None)
        except LostError:
            with contextlib.suppress(StoreUnavailableError):  # It is deleted with the job.
                await self._files.delete_one(claim.job_id, image.index, image.media_type, attempt=claim.attempt)
            raise


def _failed(error: DarkroomError) -> Outcome:
    return Outcome(Status.FAILED, JobFailure(error.code, error.message, error.field))
