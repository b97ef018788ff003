"""Enlarges images between the two passes of the hires fix, if that needs calls of the autoencoder.

Runs in the worker's process. Upscalers that enlarge the latents themselves need no call: `Pipeline.advance` does it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic

from pipelines.interface import ConditioningT, OutputT, Pipeline, StateT
from service.engine.scheduling.batch_former import Batch
from service.engine.scheduling.image import ScheduledImage
from service.engine.scheduling.scheduler import Scheduler
from service.engine.worker.fault_isolation import Fault, FaultIsolation
from service.engine.worker.stages.call_meter import CallMeter
from service.engine.worker.stages.running_call import RunningCall


class UpscaleStage(Generic[ConditioningT, StateT, OutputT]):
    """Launches the calls that decode images, enlarge them, and encode them again."""

    def __init__(
        self,
        pipeline: Pipeline[ConditioningT, StateT, OutputT],
        scheduler: Scheduler[StateT],
        meter: CallMeter,
        isolation: FaultIsolation,
    ) -> None:
        self._pipeline = pipeline
        self._scheduler = scheduler
        self._meter = meter
        self._isolation = isolation

    def start(self, batch: Batch[StateT]) -> RunningCall[StateT]:
        self._scheduler.hold(batch.images)
        call = self._meter.start(batch.images, batch.cost, batch.rows)

        def upscale(images: Sequence[ScheduledImage[StateT]], *, tiled: bool = False) -> Sequence[None]:
            try:
                self._pipeline.upscale([image.begun_state for image in images], tiled=tiled)
            except Exception as error:
                self._meter.failed(call, len(images), error)
                raise
            self._meter.fitted(call, len(images))
            return [None] * len(images)

        results: list[Fault | None] = self._isolation.run(upscale, batch.images)
        results = self._isolation.run_smaller(lambda image: upscale([image], tiled=True)[0], batch.images, results)
        self._meter.launched(call)
        for image, result in zip(batch.images, results, strict=True):
            if result is None:
                self._scheduler.update(image)
        return RunningCall(self._meter, batch, [call], lambda: list(zip(batch.images, results, strict=True)))
