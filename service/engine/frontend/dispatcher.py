"""Sends admitted images to the workers, and applies what a worker reports about an image to its job.

Runs in the server's process. It knows neither admission nor the life of a worker's process.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Collection, Sequence
from typing import Final

import structlog

from pipelines.interface import RgbImage
from service.engine import messages
from service.engine.frontend import suspects
from service.engine.frontend.admission import DrainSpeed
from service.engine.frontend.device_worker import DeviceWorker
from service.engine.frontend.inflight import InFlightImage, InFlightImages
from service.engine.frontend.local_job import LocalJob, UnreadImages
from service.engine.frontend.send_queue import SendQueue
from service.engine.interface import (
    ImageCheckpoint,
    ImageFinished,
    ImageLoading,
    ImagePreview,
    ImageProgress,
    ImageStarted,
)
from service.engine.messages import ImageMessage, ModelState
from service.engine.types import ModelStatus
from service.errors import (
    CanceledError,
    DarkroomError,
    DeadlineExceededError,
    GenerationFailedError,
    InvalidRequestError,
    ModelLoadingError,
    ModelUnusableError,
    NonFiniteResultError,
    OutOfMemoryError,
    PoisonedError,
)

_ERRORS: Final = {
    error.code: error
    for error in (
        DeadlineExceededError,
        GenerationFailedError,
        InvalidRequestError,
        ModelLoadingError,
        ModelUnusableError,
        NonFiniteResultError,
        OutOfMemoryError,
    )
}
"""The errors that a worker's `Failed` message may name, by code."""
_PERHAPS_ITS_CHECKPOINTS: Final = (GenerationFailedError.code, NonFiniteResultError.code)
"""Failures of a resumed image after which it begins anew."""

_log = structlog.get_logger(__name__)


class Dispatcher:
    """Moves images between the queue, the workers and their jobs. All methods belong to one event loop."""

    def __init__(
        self,
        in_flight: InFlightImages,
        workers: Sequence[DeviceWorker],
        speed: DrainSpeed,
        unread: UnreadImages,
        clock: Callable[[], float],
    ) -> None:
        self._in_flight = in_flight
        self._workers = workers
        self._queue = SendQueue(in_flight, workers, unread)
        self._speed = speed
        self._clock = clock
        self._emptied = asyncio.Event()
        self._expiry: asyncio.TimerHandle | None = None

    async def wait_until_empty(self) -> None:
        """Waits until every admitted image has ended."""
        while len(self._in_flight):
            self._emptied.clear()
            await self._emptied.wait()

    def dispatch(self) -> None:
        """Ends the unsent images that cannot meet their deadline any more, and sends those that may be sent now."""
        for image in self._queue.expired(self._clock()):
            self._fail(image, DeadlineExceededError("The image could not be finished by its deadline."))
        for image, worker in self._queue.placements():
            worker.submit(image, self._clock())
        self._await_next_expiry()

    def apply(self, message: ImageMessage) -> None:
        """Applies the message to its image. A message about an image that has ended is ignored."""
        image = self._in_flight.get(message.image_id)
        if image is None:
            return
        match message:
            case messages.Started():
                self._start(image)
            case messages.Progress():
                image.record_done(message.step / message.steps)
                self._publish_progress(image, message)
            case messages.Preview():
                self._publish_preview(image, message)
            case messages.Checkpoint():
                image.checkpoint = message.data
                image.job.handle.publish(ImageCheckpoint(image.index, message.step, message.data))
            case messages.Finished():
                self._finish(image, message)
            case messages.Failed():
                self._fail_or_begin_anew(image, message)
            case messages.Canceled():
                self._end(image)
        if image.ended or isinstance(message, messages.Started | messages.Failed):
            self.dispatch()  # There may be room for others now.

    def apply_model(self, state: ModelState, worker: DeviceWorker) -> None:
        """Tells the callers of the images that wait for a model in this worker how it is with it."""
        worker.models[state.name] = state
        if state.status is ModelStatus.LOADING:
            for image in worker.images:
                if image.model == state.name and not image.start_published:
                    image.job.handle.publish(ImageLoading(image.index, state.wait_s))
        self.dispatch()

    def cancel(self, handle: LocalJob) -> None:
        """Ends the job as canceled and withdraws its images."""
        images = self._in_flight.images_of(handle)
        _count_use(images)
        handle.close(CanceledError("The job was canceled."))
        self._withdraw(images)
        self.dispatch()

    def fail_all(self, error: DarkroomError) -> None:
        """Ends every job with this error."""
        _count_use(list(self._in_flight))
        for image in self._in_flight:
            image.job.handle.close(error)
            self._end(image)
        self._await_next_expiry()

    def worker_died(self, worker: DeviceWorker, called: Collection[str]) -> None:
        """Fails the poisoned images of the worker and drops the canceled ones; the others are sent again.

        `called` holds the ids of the images whose calls were under way.
        """
        poisoned = suspects.record_death(worker.images, called)
        worker.take_back()
        for image in poisoned:
            _log.error("an image ended its worker repeatedly", image_id=image.submit.image_id, **image.submit.log_ids)
            self._fail(image, PoisonedError("Generating this image crashed the worker more than once."))
        for image in self._in_flight.unsent:
            if image.job.handle.closed:
                self._end(image)  # No worker is left to confirm that it was canceled.
        self.dispatch()

    def _await_next_expiry(self) -> None:
        """Has `dispatch` called when the next unsent image expires."""
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        next_s = self._queue.next_expiry_s()
        if next_s < math.inf:
            delay_s = max(0.0, next_s - self._clock())
            self._expiry = asyncio.get_running_loop().call_later(delay_s, self.dispatch)

    def _fail_or_begin_anew(self, image: InFlightImage, failed: messages.Failed) -> None:
        """Ends the image or, where it was resumed and still has a caller, has it made from its noise."""
        doubtful = image.resumed and failed.code in _PERHAPS_ITS_CHECKPOINTS and not image.job.handle.closed
        if image.worker is None or not doubtful:
            error = _ERRORS.get(failed.code, GenerationFailedError)
            self._fail(image, error(failed.message, field=failed.field))
            return
        self._workers[image.worker].release(image)
        image.take_back()
        image.distrust_checkpoint()

    def _start(self, image: InFlightImage) -> None:
        image.started = True
        if not image.start_published:
            image.start_published = True
            image.job.handle.publish(ImageStarted(image.index))

    def _publish_progress(self, image: InFlightImage, progress: messages.Progress) -> None:
        """Publishes a step unless the caller was told of it before: an image that begins again repeats its steps."""
        if progress.step > image.steps_published:
            image.steps_published = progress.step
            image.job.handle.publish(ImageProgress(image.index, progress.step, progress.eta_s))

    def _publish_preview(self, image: InFlightImage, preview: messages.Preview) -> None:
        """Publishes a preview unless an earlier worker sent it: an image that is generated again repeats them."""
        if preview.index == image.previews_published:
            image.previews_published += 1
            rgb_image = RgbImage(preview.width, preview.height, preview.pixels)
            image.job.handle.publish(ImagePreview(image.index, preview.index, preview.step, rgb_image))

    def _finish(self, image: InFlightImage, finished: messages.Finished) -> None:
        if not image.job.handle.closed:
            image.job.handle.used_s += finished.timings.device_s
        image.record_done(0.0)  # What it has used is counted.
        rgb_image = RgbImage(finished.width, finished.height, finished.pixels)
        image.job.handle.publish(
            ImageFinished(image.index, image.submit.params, rgb_image, finished.timings, finished.prompt_lengths)
        )
        if not image.job.accepted:
            self._speed.finished(image.price_s, self._clock())
        self._end(image)

    def _withdraw(self, images: Sequence[InFlightImage]) -> None:
        """Cancels images. One that the worker has stays in flight, with its price, until the worker confirms."""
        for image in images:
            if image.worker is None:
                self._end(image)
            else:
                self._workers[image.worker].cancel(image)

    def _fail(self, image: InFlightImage, error: DarkroomError) -> None:
        """Ends the image. The first failure of a job withdraws its images that have not started."""
        job = image.job
        if job.error is None:
            job.error = error
            others = self._in_flight.images_of(job.handle)
            self._withdraw([other for other in others if not other.started and other is not image])
        self._end(image)

    def _end(self, image: InFlightImage) -> None:
        if image.worker is not None and not image.ended:
            self._workers[image.worker].release(image)
        if not image.ended:
            _count_use([image])
        if self._in_flight.remove(image):
            image.job.handle.close(image.job.error)
        if not len(self._in_flight):
            self._emptied.set()


def _count_use(images: Sequence[InFlightImage]) -> None:
    """Counts what unfinished images have used for their jobs, unless those have ended: it was counted then."""
    for image in images:
        if not image.job.handle.closed:
            image.job.handle.used_s += image.price_s * image.fraction_done
