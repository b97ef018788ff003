"""Encodes texts, and gives every image that waits for a text its conditioning.

Runs in the worker's process.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Generic

from pipelines.interface import ConditioningT, OutputT, Pipeline, StateT, TextKey
from service.engine.scheduling.batch_former import Batch
from service.engine.scheduling.image import ScheduledImage
from service.engine.scheduling.scheduler import Scheduler
from service.engine.worker.fault_isolation import Fault, FaultIsolation
from service.engine.worker.stages.call_meter import CallMeter, MeteredCall
from service.engine.worker.stages.prompt_cache import PromptCache
from service.engine.worker.stages.running_call import Results, RunningCall


class TextStage(Generic[ConditioningT, StateT, OutputT]):
    """Keeps `ScheduledImage.conditionings` and `text_call` up to date."""

    def __init__(
        self,
        pipeline: Pipeline[ConditioningT, StateT, OutputT],
        scheduler: Scheduler[StateT],
        meter: CallMeter,
        isolation: FaultIsolation,
        *,
        max_cached_prompts: int,
    ) -> None:
        self._pipeline = pipeline
        self._scheduler = scheduler
        self._meter = meter
        self._isolation = isolation
        self._cache: PromptCache[ConditioningT] = PromptCache(max_cached_prompts)

    def admit(self, image: ScheduledImage[StateT]) -> None:
        """Gives a new image the conditionings that are known, and the call that encodes its other texts."""
        self._give(image, self._cache.find(image.texts))

    def forget(self, model: str) -> None:
        """Drops the conditionings of a model that is no longer resident. Its images wait for them again."""
        self._cache.forget(model)
        for image in self._scheduler:
            if image.model == model:
                image.conditionings.clear()
                self._give(image, {})

    def start(self, batch: Batch[StateT]) -> RunningCall[StateT]:
        """Encodes the missing texts of the batch's images in one call."""
        wanted = dict.fromkeys(text for image in batch.images for text in _missing(image))
        calls: list[MeteredCall] = []

        def encode(texts: Sequence[TextKey]) -> Sequence[ConditioningT]:
            call = self._meter.start(batch.images, batch.cost, len(texts))
            calls.append(call)
            try:
                conditionings = self._pipeline.encode(texts)
            except Exception as error:
                self._meter.failed(call, len(texts), error)
                raise
            self._meter.launched(call)
            return conditionings

        found = dict(zip(wanted, self._isolation.run(encode, list(wanted)), strict=True))
        known = {text: each for text, each in found.items() if not isinstance(each, Fault)}
        self._cache.add(known)
        for image in self._scheduler:
            if image.text_call is not None:
                self._give(image, known)
        return RunningCall(self._meter, batch, calls, lambda: self._results(batch.images, found))

    def _results(
        self, images: Iterable[ScheduledImage[StateT]], found: Mapping[TextKey, ConditioningT | Fault]
    ) -> Results[StateT]:
        """Returns the fault of each image that has a text that could not be encoded."""
        faults = {text: each for text, each in found.items() if isinstance(each, Fault)}
        return [(image, next((faults[text] for text in image.texts if text in faults), None)) for image in images]

    def _give(self, image: ScheduledImage[StateT], known: Mapping[TextKey, ConditioningT]) -> None:
        image.conditionings |= {text: known[text] for text in image.texts if text in known}
        missing = _missing(image)
        image.text_call = replace(image.plan.calls[0], rows=len(missing)) if missing else None


def _missing(image: ScheduledImage[StateT]) -> list[TextKey]:
    return [text for text in dict.fromkeys(image.texts) if text not in image.conditionings]
