"""Reports an image's progress, previews and result to the frontend.

Runs in the worker's process. It decides only that an image's previews stop after one fails.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Generic

import structlog

from pipelines.interface import ConditioningT, OutputT, Pipeline, RgbImage, StateT
from service.engine import messages
from service.engine.call_record import CallRecord
from service.engine.scheduling.image import ScheduledImage
from service.engine.scheduling.scheduler import Scheduler
from service.engine.types import Timings
from service.engine.worker.channel import Channel
from service.engine.worker.fault_isolation import Fault, FaultIsolation

_ETA_AGE_S: Final = 0.25
"""Seconds after which estimates are renewed."""
_ETA_SHARE: Final = 0.01
"""Maximum share of the time for estimates; slow estimates are renewed less often."""
_CHEAP_S: Final = 0.001
"""Seconds. Estimates that take no longer are also renewed for a new image. Otherwise a new image is estimated as if it
had the device to itself until they are due."""

_log = structlog.get_logger(__name__)


class ImageReports(Generic[ConditioningT, StateT, OutputT]):
    """Builds the messages about images and sends them to the channel."""

    def __init__(
        self,
        pipeline: Pipeline[ConditioningT, StateT, OutputT],
        scheduler: Scheduler[StateT],
        channel: Channel,
        isolation: FaultIsolation,
        record: CallRecord,
        clock: Callable[[], float],
    ) -> None:
        self._pipeline = pipeline
        self._scheduler = scheduler
        self._channel = channel
        self._isolation = isolation
        self._record = record
        self._clock = clock
        self._etas_s: dict[str, float] = {}
        self._etas_made_s = self._etas_due_s = -math.inf
        self._etas_took_s = 0.0

    def send_progress(self, images: Sequence[ScheduledImage[StateT]]) -> None:
        """Reports images after a UNet call: each new step once, and the previews that are due."""
        for image in images:
            step = image.step
            if image.first_step_s is None and step:
                image.first_step_s = self._clock() - image.arrived_s
            if step > image.reported_step:
                image.reported_step = step
                self._channel.send(messages.Progress(image.id, step, image.plan.steps, self._eta_s(image)))
            if not image.finished and image.preview_due and not self._channel.congested:
                self._send_preview(image)

    def send_finished(self, image: ScheduledImage[StateT], rgb_image: RgbImage) -> None:
        started_s = image.begun_s if image.started_s is None else image.started_s
        timings = Timings(
            queue_s=started_s - image.arrived_s,
            encode_s=image.begun_s - started_s,
            denoise_s=image.denoised_s - image.begun_s,
            decode_s=self._clock() - image.denoised_s,
            mean_batch_rows=image.batch_rows_sum / image.calls_made,
            first_step_s=image.first_step_s or 0.0,
            device_s=image.device_s,
        )
        size = rgb_image.width, rgb_image.height
        lengths = image.begun_state.prompt_lengths
        self._channel.send(messages.Finished(image.id, *size, rgb_image.pixels, timings, lengths))

    def send_failed(self, image_id: str, log_ids: Mapping[str, str], fault: Fault) -> None:
        """Reports the end of an image, here and in the log."""
        _log.warning("an image failed", image_id=image_id, code=fault.code, **log_ids)
        self._channel.send(messages.Failed(image_id, fault.code, fault.message, fault.field))

    def _eta_s(self, image: ScheduledImage[StateT]) -> float:
        """Returns the estimated seconds until the image is finished. All estimates are made together at intervals."""
        now_s = self._clock()
        is_new = image.id not in self._etas_s
        if now_s >= self._etas_due_s or (is_new and self._etas_took_s <= _CHEAP_S):
            self._etas_s, self._etas_made_s = self._scheduler.etas_s(now_s), now_s
            self._etas_took_s = self._clock() - now_s
            self._etas_due_s = now_s + max(_ETA_AGE_S, self._etas_took_s / _ETA_SHARE)
        elif is_new:
            self._etas_s[image.id] = self._scheduler.alone_s(image) + now_s - self._etas_made_s
        eta_s = max(0.0, self._etas_s[image.id] - (now_s - self._etas_made_s))
        return self._scheduler.with_arrivals_s(image, eta_s, now_s)

    def _send_preview(self, image: ScheduledImage[StateT]) -> None:
        state = image.begun_state
        with self._record.during([image.id]):
            rgb_image = self._isolation.run_once(lambda: self._pipeline.preview(state))
        if isinstance(rgb_image, Fault):
            image.previews = 0  # Previews are optional: the image continues without them.
            return
        self._channel.send(
            messages.Preview(
                image.id, image.previews_sent, state.step, rgb_image.width, rgb_image.height, rgb_image.pixels
            )
        )
        image.previews_sent += 1
