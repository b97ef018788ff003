"""Makes a pipeline's calls for the worker: announces the long ones, and measures all of them for the cost model.

Runs in the worker's process. Only successful calls are measured; a call that runs out of memory lowers the row limit of
its size. Calls in higher precision cost more than any other call of their size, so they are neither predicted nor
learned from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic

from pipelines.interface import ConditioningT, OutputT, PendingDecode, Pipeline, RgbImage, StateT
from pipelines.params import GenerationParams
from service.engine import messages
from service.engine.costs.cost_model import CostModel
from service.engine.scheduling.image import ScheduledImage
from service.engine.worker.channel import Channel
from service.engine.worker.device import Device

_UNANNOUNCED_S: Final = messages.BEAT_S / 4
"""Calls up to this length leave the beats on time and are not announced."""


@dataclass(frozen=True, slots=True)
class RunningDecode(Generic[StateT]):
    """A decode that the device may run beside UNet calls."""

    images: Sequence[ScheduledImage[StateT]]
    decoding: PendingDecode
    start_s: float
    calls_before: int
    """UNet calls recorded before its start. A decode with calls beside it does not show what a decode costs."""

    @property
    def ready(self) -> bool:
        return self.decoding.ready


class MeasuredCalls(Generic[ConditioningT, StateT, OutputT]):
    """Methods raise what the pipeline raises."""

    def __init__(
        self,
        pipeline: Pipeline[ConditioningT, StateT, OutputT],
        cost: CostModel,
        channel: Channel,
        device: Device,
        clock: Callable[[], float],
    ) -> None:
        self._pipeline = pipeline
        self._cost = cost
        self._channel = channel
        self._device = device
        self._clock = clock
        self._calls_recorded = 0

    def encode(self, texts: Sequence[str]) -> list[ConditioningT]:
        self._announce(self._cost.encode_texts_s(len(texts)))
        start_s = self._clock()
        conditionings = self._pipeline.encode(texts)
        encode_s = self._clock() - start_s
        self._cost.learn_encode(len(texts), encode_s)
        self._channel.send(messages.EncodeDone(len(texts), encode_s))
        return conditionings

    def begin_upcast(self, params: GenerationParams) -> StateT:
        self._announce(None)
        return self._pipeline.begin_upcast(params)

    def predict(self, images: Sequence[ScheduledImage[StateT]]) -> list[OutputT]:
        """Makes a UNet call. The caller measures it together with the updates and then calls `record`."""
        rows = sum(image.rows for image in images)
        self._announce(None if images[0].upcast else self._cost.call_s(images[0].size, rows))
        try:
            return self._pipeline.predict([image.begun_state for image in images])
        except Exception as error:
            if self._device.is_out_of_memory(error):
                self._cost.learn_out_of_memory(images[0].size, rows)
            raise

    def record(self, images: Sequence[ScheduledImage[StateT]], rows: int, predict_s: float, advance_s: float) -> None:
        """Records a UNet call of these images and the sampler updates after it."""
        (width, height), upcast = images[0].size, images[0].upcast
        self._calls_recorded += 1
        if not upcast:
            self._cost.learn_call((width, height), rows, predict_s + advance_s)
        self._channel.send(
            messages.CallDone(
                width=width,
                height=height,
                rows=rows,
                padded_rows=self._pipeline.info.padded_rows(rows),
                predict_s=predict_s,
                advance_s=advance_s,
                upcast=upcast,
            )
        )

    def start_decode(self, images: Sequence[ScheduledImage[StateT]]) -> RunningDecode[StateT]:
        self._announce_decode(images)
        start_s = self._clock()
        decoding = self._pipeline.start_decode([image.begun_state for image in images])
        return RunningDecode(images, decoding, start_s, self._calls_recorded)

    def finish_decode(self, running: RunningDecode[StateT]) -> list[RgbImage]:
        if not running.ready:
            self._announce_decode(running.images)
        rgb_images = running.decoding.finish()
        decode_s = self._clock() - running.start_s
        width, height = running.images[0].size
        upcast = _any_upcast(running.images)
        if running.calls_before == self._calls_recorded and not upcast:
            self._cost.learn_decode((width, height), len(running.images), decode_s)
        self._channel.send(messages.DecodeDone(width, height, len(running.images), decode_s, upcast))
        return rgb_images

    def decode(self, images: Sequence[ScheduledImage[StateT]]) -> list[RgbImage]:
        return self.finish_decode(self.start_decode(images))

    def _announce_decode(self, images: Sequence[ScheduledImage[StateT]]) -> None:
        expected_s = self._cost.decode_s(images[0].size, len(images))
        self._announce(None if _any_upcast(images) else expected_s)

    def _announce(self, expected_s: float | None) -> None:
        """Tells the frontend about a call that may delay a beat. `None` stands for a call of unknown length."""
        if expected_s is None or not self._cost.measured:
            self._channel.send(messages.Busy(None))
        elif expected_s > _UNANNOUNCED_S:
            self._channel.send(messages.Busy(expected_s))


def _any_upcast(images: Sequence[ScheduledImage[StateT]]) -> bool:
    return any(image.upcast for image in images)
