"""Begins images: encodes their texts together and creates their states, in normal or in higher precision.

Runs in the worker's process. The scheduler chooses the images; what a failed image becomes is the loop's business.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Generic

from pipelines.interface import ConditioningT, OutputT, Pipeline, StateT
from service.engine import messages
from service.engine.call_record import CallRecord
from service.engine.scheduling.image import ScheduledImage
from service.engine.scheduling.scheduler import Scheduler
from service.engine.worker.channel import Channel
from service.engine.worker.fault_isolation import Fault, FaultIsolation
from service.engine.worker.measured_calls import MeasuredCalls
from service.engine.worker.prompt_cache import PromptCache


class BeginStage(Generic[ConditioningT, StateT, OutputT]):
    """Gives images their first state."""

    def __init__(
        self,
        pipeline: Pipeline[ConditioningT, StateT, OutputT],
        measured: MeasuredCalls[ConditioningT, StateT, OutputT],
        scheduler: Scheduler[StateT],
        channel: Channel,
        isolation: FaultIsolation,
        record: CallRecord,
        clock: Callable[[], float],
        *,
        max_cached_prompts: int,
    ) -> None:
        self._pipeline = pipeline
        self._measured = measured
        self._scheduler = scheduler
        self._channel = channel
        self._isolation = isolation
        self._record = record
        self._clock = clock
        self._prompts = PromptCache(measured.encode, isolation, max_cached_prompts)

    def turn(self) -> list[tuple[ScheduledImage[StateT], Fault]]:
        """Begins the images whose turn it is, and returns those that failed with their faults."""
        images = sorted(self._scheduler.choose_begin(self._clock()), key=_isolation_mark)
        groups = [list(group) for _, group in itertools.groupby(images, key=_isolation_mark)]
        return [failure for group in groups for failure in self._begin_together(group)]

    def _begin_together(self, images: Sequence[ScheduledImage[StateT]]) -> list[tuple[ScheduledImage[StateT], Fault]]:
        start_s = self._clock()
        for image in images:
            image.queue_s = start_s - image.arrived_s
            self._channel.send(messages.Started(image.id))
        with self._record.during(image.id for image in images):
            known = self._prompts.get_all(text for image in images for text in image.params.texts)
        failed: list[tuple[ScheduledImage[StateT], Fault]] = []
        for image in images:
            with self._record.during([image.id]):
                fault = self._begin(image, [known[text] for text in image.params.texts])
            image.begun_s = self._clock()
            image.encode_s = image.begun_s - start_s
            if fault is not None:
                failed.append((image, fault))
        return failed

    def restart_upcast(self, image: ScheduledImage[StateT]) -> Fault | None:
        """Begins the image again in higher precision."""
        image.upcast = True
        with self._record.during([image.id]):
            state = self._isolation.run_once(lambda: self._measured.begin_upcast(image.params))
        if isinstance(state, Fault):
            return state
        image.state = state
        self._scheduler.restart(image)
        self._channel.send(messages.Retried(image.id))
        return None

    def _begin(self, image: ScheduledImage[StateT], encoded: Sequence[ConditioningT | Fault]) -> Fault | None:
        conditionings = [each for each in encoded if not isinstance(each, Fault)]
        fault = next((each for each in encoded if isinstance(each, Fault)), None)
        if fault is not None:
            return fault
        state = self._isolation.run_once(lambda: self._pipeline.begin(image.params, conditionings))
        if isinstance(state, Fault):
            return state
        image.state = state
        self._scheduler.begin(image)
        return None


def _isolation_mark(image: ScheduledImage[StateT]) -> str:
    return image.isolation
