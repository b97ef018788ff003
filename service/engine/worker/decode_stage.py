"""Runs the worker's decodes, one at a time, beside UNet calls. Waits for a decode only when there is no call to make.

Runs in the worker's process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeAlias

from pipelines.interface import ConditioningT, OutputT, RgbImage, StateT
from service.engine.call_record import CallRecord
from service.engine.scheduling.image import ScheduledImage
from service.engine.scheduling.scheduler import Scheduler
from service.engine.worker.fault_isolation import Fault, FaultIsolation
from service.engine.worker.measured_calls import MeasuredCalls, RunningDecode

DecodeResults: TypeAlias = list[tuple[ScheduledImage[StateT], RgbImage | Fault]]


class DecodeStage(Generic[ConditioningT, StateT, OutputT]):
    """Starts the decodes that the scheduler chooses and charges them to their tenants."""

    def __init__(
        self,
        measured: MeasuredCalls[ConditioningT, StateT, OutputT],
        scheduler: Scheduler[StateT],
        isolation: FaultIsolation,
        record: CallRecord,
        clock: Callable[[], float],
    ) -> None:
        self._measured = measured
        self._scheduler = scheduler
        self._isolation = isolation
        self._record = record
        self._clock = clock
        self._running: RunningDecode[StateT] | None = None

    def turn(self) -> DecodeResults[StateT]:
        """Starts the next decode if none is running, and returns the results of a decode that is done."""
        if self._running is None:
            return self._start()
        return self._finish_if_due(self._running)

    def _start(self) -> DecodeResults[StateT]:
        images = self._scheduler.choose_decode()
        if not images:
            return []
        start_s = self._clock()
        self._record.enter(image.id for image in images)
        started = self._isolation.run_once(lambda: self._measured.start_decode(images))
        if isinstance(started, Fault):
            return self._decode_apart(images, start_s)
        self._running = started
        return self._finish_if_due(started)

    def _finish_if_due(self, running: RunningDecode[StateT]) -> DecodeResults[StateT]:
        if not running.ready and self._scheduler.denoising:
            return []
        self._running = None
        rgb_images = self._isolation.run_once(lambda: self._measured.finish_decode(running))
        if isinstance(rgb_images, Fault):
            return self._decode_apart(running.images, running.start_s)
        return self._results(running.images, rgb_images, running.start_s)

    def _decode_apart(self, images: Sequence[ScheduledImage[StateT]], start_s: float) -> DecodeResults[StateT]:
        """Decodes the images of a failed decode again, in parts, to find the ones at fault."""
        return self._results(images, self._isolation.run(self._measured.decode, images), start_s)

    def _results(
        self, images: Sequence[ScheduledImage[StateT]], rgb_images: Sequence[RgbImage | Fault], start_s: float
    ) -> DecodeResults[StateT]:
        """Returns the results of the images that were not canceled during the decode, which has ended."""
        self._record.leave(image.id for image in images)
        self._scheduler.charge_decode(images, self._clock() - start_s)
        return [
            (image, rgb_image)
            for image, rgb_image in zip(images, rgb_images, strict=True)
            if self._scheduler.get(image.id) is image
        ]
