"""The worker's decodes, one at a time: begun beside the UNet calls, and waited for only when there are none to make."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeAlias

from pipelines.interface import ConditioningT, OutputT, RgbImage, StateT
from service.engine.scheduling.image import ScheduledImage
from service.engine.scheduling.scheduler import Scheduler
from service.engine.worker.fault_isolation import Fault, Isolation
from service.engine.worker.measured_calls import MeasuredCalls, RunningDecode

Outcomes: TypeAlias = list[tuple[ScheduledImage[StateT], RgbImage | Fault]]


class DecodeStage(Generic[ConditioningT, StateT, OutputT]):
    def __init__(
        self,
        measured: MeasuredCalls[ConditioningT, StateT, OutputT],
        scheduler: Scheduler[StateT],
        isolation: Isolation,
        clock: Callable[[], float],
    ) -> None:
        self._measured = measured
        self._scheduler = scheduler
        self._isolation = isolation
        self._clock = clock
        self._running: RunningDecode[StateT] | None = None

    def turn(self) -> Outcomes[StateT]:
        """Begin the decode that is due, and give what the one under way came to, once it has."""
        if self._running is None:
            return self._begin()
        return self._end_if_due(self._running)

    def _begin(self) -> Outcomes[StateT]:
        images = self._scheduler.choose_decode()
        if not images:
            return []
        start_s = self._clock()
        started = self._isolation.run_once(lambda: self._measured.start_decode(images))
        if isinstance(started, Fault):
            return self._apart(images, start_s)
        self._running = started
        return self._end_if_due(started)

    def _end_if_due(self, running: RunningDecode[StateT]) -> Outcomes[StateT]:
        if not running.ready and self._scheduler.denoising:
            return []
        self._running = None
        rgb_images = self._isolation.run_once(lambda: self._measured.finish_decode(running))
        if isinstance(rgb_images, Fault):
            return self._apart(running.images, running.start_s)
        return self._outcomes(running.images, rgb_images, running.start_s)

    def _apart(self, images: Sequence[ScheduledImage[StateT]], start_s: float) -> Outcomes[StateT]:
        """Find out which of them cannot be decoded."""
        return self._outcomes(images, self._isolation.run(self._measured.decode, images), start_s)

    def _outcomes(
        self, images: Sequence[ScheduledImage[StateT]], rgb_images: Sequence[RgbImage | Fault], start_s: float
    ) -> Outcomes[StateT]:
        """Of those that were not canceled in the meantime."""
        self._scheduler.charge_decode(images, self._clock() - start_s)
        return [
            (image, rgb_image)
            for image, rgb_image in zip(images, rgb_images, strict=True)
            if self._scheduler.get(image.id) is image
        ]
