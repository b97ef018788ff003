"""Decodes finished latents. Where the device allows it, a decode runs beside other calls.

Runs in the worker's process.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic

from pipelines.interface import WIDE, ConditioningT, OutputT, PendingDecode, Pipeline, RgbImage, StateT
from service.engine.scheduling.batch_former import Batch
from service.engine.scheduling.image import ScheduledImage
from service.engine.scheduling.scheduler import Scheduler
from service.engine.worker.fault_isolation import Fault, FaultIsolation
from service.engine.worker.stages.call_meter import CallMeter, MeteredCall
from service.engine.worker.stages.running_call import Results, RunningCall
from service.errors import OutOfMemoryError


class DecodeStage(Generic[ConditioningT, StateT, OutputT]):
    """Launches decodes. Repeats a failed one in parts, to find the images at fault."""

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
        """Starts a decode. Its images take part in no other call until its results are collected."""
        images, wide = batch.images, batch.key.phase == WIDE
        self._scheduler.hold(images)
        for image in images:
            image.decoding = True
        call = self._meter.start(images, batch.cost, batch.rows)
        started = self._isolation.run_once(lambda: self._start(call, images, wide=wide))
        return RunningCall(
            self._meter,
            batch,
            [call],
            lambda: self._collect(call, images, started, wide=wide),
            is_ready=lambda: isinstance(started, Fault) or started.ready,
        )

    def _start(
        self, call: MeteredCall, images: Sequence[ScheduledImage[StateT]], *, wide: bool, tiled: bool = False
    ) -> PendingDecode:
        try:
            return self._pipeline.start_decode([image.begun_state for image in images], wide=wide, tiled=tiled)
        except Exception as error:
            self._meter.failed(call, len(images), error)
            raise

    def _finish(
        self, call: MeteredCall, images: Sequence[ScheduledImage[StateT]], decode: PendingDecode
    ) -> list[RgbImage]:
        try:
            rgb_images = decode.finish()
        except Exception as error:
            self._meter.failed(call, len(images), error)
            raise
        self._meter.fitted(call, len(images))
        return rgb_images

    def _collect(
        self,
        call: MeteredCall,
        images: Sequence[ScheduledImage[StateT]],
        started: PendingDecode | Fault,
        *,
        wide: bool,
    ) -> Results[StateT]:
        def decode(part: Sequence[ScheduledImage[StateT]], *, tiled: bool = False) -> list[RgbImage]:
            return self._finish(call, part, self._start(call, part, wide=wide, tiled=tiled))

        results: Sequence[RgbImage | Fault] | Fault = started if isinstance(started, Fault) else []
        if not isinstance(started, Fault):
            results = self._isolation.run_once(lambda: self._finish(call, images, started))
        if isinstance(results, Fault):
            # Memory that was too small for all of them would be too small again.
            size = (len(images) + 1) // 2 if results.code == OutOfMemoryError.code else len(images)
            parts = [images[start : start + size] for start in range(0, len(images), size)]
            again = [result for part in parts for result in self._isolation.run(decode, part)]
            results = self._isolation.run_smaller(lambda image: decode([image], tiled=True)[0], images, again)
        self._meter.launched(call)
        for image in images:
            image.decoding = False
        return list(zip(images, results, strict=True))
