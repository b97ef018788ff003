"""A pipeline's calls as the worker makes them: announced where they are long, and measured for the cost models.

Only a call that succeeds is measured; one that ran out of memory says how many rows are too many. What is made in
higher precision costs more than anything else of its size, and is neither measured nor foretold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic

from pipelines.interface import ConditioningT, Decoding, OutputT, Pipeline, Raster, StateT
from pipelines.params import GenerationParams
from service.engine import messages
from service.engine.costs.cost_model import CostModel
from service.engine.scheduling.image import Picture
from service.engine.worker.channel import Channel
from service.engine.worker.fault_isolation import Device

_SHORT_S: Final = messages.BEAT_S / 4
"""Calls up to this leave the worker's beats in time by themselves."""


@dataclass(frozen=True, slots=True)
class RunningDecode(Generic[StateT]):
    """A decode that the device may go on with while it is given UNet calls."""

    pictures: Sequence[Picture[StateT]]
    decoding: Decoding
    start_s: float
    recorded: int
    """UNet calls until its start: one that had others beside it says nothing of what a decode costs."""

    @property
    def ready(self) -> bool:
        return self.decoding.ready


class MeasuredCalls(Generic[ConditioningT, StateT, OutputT]):
    """Raises what the pipeline raises."""

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
        self._recorded = 0
        """UNet calls."""

    def encode(self, texts: Sequence[str]) -> list[ConditioningT]:
        self._announce(self._cost.texts_s(len(texts)))
        start_s = self._clock()
        conditionings = self._pipeline.encode(texts)
        encode_s = self._clock() - start_s
        self._cost.learn_encode(len(texts), encode_s)
        self._channel.send(messages.EncodeDone(len(texts), encode_s))
        return conditionings

    def begin_precise(self, params: GenerationParams) -> StateT:
        self._announce(None)
        return self._pipeline.begin_precise(params)

    def predict(self, pictures: Sequence[Picture[StateT]]) -> list[OutputT]:
        """Measured by the worker, which then calls `record`."""
        rows = sum(picture.rows for picture in pictures)
        self._announce(None if pictures[0].precise else self._cost.call_s(pictures[0].size, rows))
        try:
            return self._pipeline.predict([picture.begun for picture in pictures])
        except Exception as error:
            if self._device.is_out_of_memory(error):
                self._cost.forbid(pictures[0].size, rows)
            raise

    def record(self, pictures: Sequence[Picture[StateT]], rows: int, predict_s: float, advance_s: float) -> None:
        """A UNet call of these pictures was made, and their updates."""
        (width, height), precise = pictures[0].size, pictures[0].precise
        self._recorded += 1
        if not precise:
            self._cost.learn_call((width, height), rows, predict_s + advance_s)
        self._channel.send(
            messages.CallDone(
                width=width,
                height=height,
                rows=rows,
                padded_rows=self._pipeline.info.padded_rows(rows),
                pictures=len(pictures),
                predict_s=predict_s,
                advance_s=advance_s,
                precise=precise,
            )
        )

    def start_decode(self, pictures: Sequence[Picture[StateT]]) -> RunningDecode[StateT]:
        self._announce_decode(pictures)
        start_s = self._clock()
        decoding = self._pipeline.start_decode([picture.begun for picture in pictures])
        return RunningDecode(pictures, decoding, start_s, self._recorded)

    def finish_decode(self, running: RunningDecode[StateT]) -> list[Raster]:
        if not running.ready:
            self._announce_decode(running.pictures)
        rasters = running.decoding.finish()
        decode_s = self._clock() - running.start_s
        width, height = running.pictures[0].size
        precise = _any_precise(running.pictures)
        if running.recorded == self._recorded and not precise:
            self._cost.learn_decode((width, height), len(running.pictures), decode_s)
        self._channel.send(messages.DecodeDone(width, height, len(running.pictures), decode_s, precise))
        return rasters

    def decode(self, pictures: Sequence[Picture[StateT]]) -> list[Raster]:
        return self.finish_decode(self.start_decode(pictures))

    def _announce_decode(self, pictures: Sequence[Picture[StateT]]) -> None:
        expected_s = self._cost.decode_s(pictures[0].size, len(pictures))
        self._announce(None if _any_precise(pictures) else expected_s)

    def _announce(self, expected_s: float | None) -> None:
        """Tell the facade of a call that may outlast a beat; `None` for one whose length nobody knows."""
        if expected_s is None or not self._cost.measured:
            self._channel.send(messages.Busy(None))
        elif expected_s > _SHORT_S:
            self._channel.send(messages.Busy(expected_s))


def _any_precise(pictures: Sequence[Picture[StateT]]) -> bool:
    return any(picture.precise for picture in pictures)
