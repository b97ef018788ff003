"""Hands images over to their refiners: an image leaves its model's calls, and begins again with the other model.

Runs in the worker's process. Between the two, the image waits like one that has not begun: its state is gone, neither
model is held for it, and the refiner is loaded in its turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic

from pipelines.interface import ConditioningT, OutputT, Pipeline, StateT
from service.engine.scheduling.image import ScheduledImage
from service.engine.scheduling.scheduler import Scheduler
from service.engine.worker.fault_isolation import Fault, FaultIsolation
from service.engine.worker.stages.text_stage import TextStage


class Handover(Generic[ConditioningT, StateT, OutputT]):
    """Hands one worker's images over to their refiners."""

    def __init__(
        self,
        pipeline: Pipeline[ConditioningT, StateT, OutputT],
        scheduler: Scheduler[StateT],
        text_stage: TextStage[ConditioningT, StateT, OutputT],
        isolation: FaultIsolation,
        clock: Callable[[], float],
    ) -> None:
        self._pipeline = pipeline
        self._scheduler = scheduler
        self._text_stage = text_stage
        self._isolation = isolation
        self._clock = clock

    def hand_over_ready(self, images: Iterable[ScheduledImage[StateT]]) -> list[tuple[ScheduledImage[StateT], Fault]]:
        """Hands over the images whose model has made its calls. Returns those that fail."""
        leaving = [image for image in images if image.awaits_refiner]
        faults = [(image, self._hand_over(image)) for image in leaving]
        return [(image, fault) for image, fault in faults if fault is not None]

    def _hand_over(self, image: ScheduledImage[StateT]) -> Fault | None:
        state, params = image.begun_state, image.params.after_switch
        assert params is not None, "the image has a refiner"
        handed_over = self._isolation.run_once(lambda: self._pipeline.hand_over(state))
        if isinstance(handed_over, Fault):
            return handed_over
        image.hand_over(self._pipeline.plan(params), self._pipeline.texts(params), handed_over, self._clock())
        self._text_stage.admit(image)
        self._scheduler.update(image)
        return None
