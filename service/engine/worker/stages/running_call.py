"""A call that was launched: tells whether the device is done with it, and returns its results.

Runs in the worker's process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeAlias

from pipelines.interface import RgbImage, StateT
from service.engine.scheduling.batch_former import Batch
from service.engine.scheduling.image import ScheduledImage
from service.engine.worker.fault_isolation import Fault
from service.engine.worker.stages.call_meter import CallMeter, MeteredCall

Results: TypeAlias = Sequence[tuple[ScheduledImage[StateT], RgbImage | Fault | None]]
"""The result of each image of a call: its pixels, its fault, or None where it goes on to its next call."""


def _always() -> bool:
    return True


class RunningCall(Generic[StateT]):
    """A call of any stage, from its launch until its results are collected."""

    def __init__(
        self,
        meter: CallMeter,
        batch: Batch[StateT],
        metered: Sequence[MeteredCall],
        collect: Callable[[], Results[StateT]],
        *,
        is_ready: Callable[[], bool] = _always,
    ) -> None:
        """`collect` waits for the device and returns the results; `is_ready` tells whether it would not wait."""
        self._meter = meter
        self._metered = metered
        self._collect = collect
        self._is_ready = is_ready
        self.model = batch.key.model
        """Name of the model that makes the call."""
        self.parts = list(zip(batch.images, batch.rows_of, strict=True))
        """The images in the call, with the rows of each."""
        self._states = {image: image.state for image in batch.images}
        self.seconds = 0.0
        """Device seconds of the call, known after `finish`."""

    @property
    def ready(self) -> bool:
        """Whether the device is done with the call."""
        return self._is_ready() and all(call.end is None or call.end.ready for call in self._metered)

    def finish(self) -> Results[StateT]:
        """Waits for the device and returns the results, without those of images that were begun again meanwhile."""
        results = self._collect()
        self.seconds = sum(self._meter.done(call) for call in self._metered)
        all_rows = sum(rows for _, rows in self.parts)
        for image, rows in self.parts:
            image.device_s += self.seconds * rows / all_rows
        return [(image, result) for image, result in results if image.state is self._states[image]]
