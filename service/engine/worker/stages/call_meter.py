"""Announces the worker's calls, records their images, and measures the calls for the cost model.

Runs in the worker's process. A call is measured between two marks of the device, so its seconds are the device's even
if the host does not wait for it. Only calls that succeeded at once are learned.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pipelines.interface import CostKey, Stage
from pipelines.model_info import ModelInfo
from service.engine import messages
from service.engine.call_record import CallRecord
from service.engine.costs.cost_model import CostModel
from service.engine.scheduling.image import ScheduledImage
from service.engine.worker.channel import Channel
from service.engine.worker.device import ClockMark, Device, Mark

_UNANNOUNCED_S: Final = messages.BEAT_S / 4
"""Seconds. Calls up to this length do not delay the beats and are not announced."""


@dataclass(slots=True, eq=False)
class MeteredCall:
    """A call that was started, from its first mark to its last."""

    images: Sequence[ScheduledImage[Any]]
    key: CostKey
    rows: int
    padded_rows: int
    start: Mark
    predicted: Mark | None = None
    """The mark between the network and the work after it, if the call has two parts."""
    end: Mark | None = None
    sound: bool = True
    """False if a part of it failed, was repeated, or shared the device: its seconds then say nothing about others."""

    @property
    def seconds(self) -> float:
        """Device seconds of a call that has ended."""
        assert self.end is not None, "the call was launched"
        return self.end.seconds_since(self.start)

    @property
    def update_s(self) -> float:
        """Device seconds of the work after the network."""
        assert self.end is not None, "the call was launched"
        return 0.0 if self.predicted is None else self.end.seconds_since(self.predicted)


class CallMeter:
    """Meters the calls of one worker."""

    def __init__(
        self,
        info: ModelInfo,
        cost: CostModel,
        channel: Channel,
        device: Device,
        clock: Callable[[], float],
        record: CallRecord,
    ) -> None:
        self._info = info
        self._cost = cost
        self._channel = channel
        self._device = device
        self._mark: Callable[[], Mark] = device.mark or (lambda: ClockMark(clock()))
        self._record = record
        self._under_way: list[MeteredCall] = []

    def start(self, images: Sequence[ScheduledImage[Any]], key: CostKey, rows: int) -> MeteredCall:
        """Announces and records a call, and starts to measure it."""
        padded_rows = self._info.padded_rows(rows) if key.stage is Stage.DENOISE else 0
        self._announce(key, rows + padded_rows)
        call = MeteredCall(images, key, rows, padded_rows, self._mark())
        if self._info.decodes_beside:
            # Calls that share the device do not show their cost alone.
            for other in self._under_way:
                if Stage.DECODE in (key.stage, other.key.stage):
                    call.sound = other.sound = False
        self._under_way.append(call)
        self._record.enter(image.id for image in images)
        return call

    def predicted(self, call: MeteredCall) -> None:
        """Marks the end of the call's network."""
        call.predicted = self._mark()

    def launched(self, call: MeteredCall) -> None:
        """Marks the end of the call's work."""
        call.end = self._mark()

    def failed(self, call: MeteredCall, rows: int, error: Exception) -> None:
        """Records an error of the call, or of a part of it with `rows` rows."""
        call.sound = False
        if self._device.is_out_of_memory(error):
            self._cost.learn_out_of_memory(call.key, rows)

    def fitted(self, call: MeteredCall, rows: int) -> None:
        """Records that a part of a failed call, with `rows` rows, succeeded."""
        if not call.sound:
            self._cost.learn_fitting(call.key, rows)

    def done(self, call: MeteredCall) -> float:
        """Learns from a call whose work the device has done, and reports it. Returns its seconds."""
        self._under_way.remove(call)
        self._record.leave(image.id for image in call.images)
        if call.end is None:
            return 0.0
        seconds = call.seconds
        if call.sound:
            self._cost.learn(call.key, call.rows + call.padded_rows, seconds)
        self._channel.send(
            messages.CallDone(
                key=call.key,
                rows=call.rows,
                padded_rows=call.padded_rows,
                images=len(call.images),
                seconds=seconds,
                update_s=call.update_s,
                sound=call.sound,
            )
        )
        return seconds

    def announce_unknown(self) -> None:
        """Tells the frontend about work of unknown length."""
        self._channel.send(messages.Busy(None))

    def _announce(self, key: CostKey, count: int) -> None:
        """Tells the frontend about a call that may delay a beat."""
        expected_s, is_guess = self._cost.seconds(key, count), not self._cost.is_measured(key)
        if is_guess or expected_s > _UNANNOUNCED_S:
            self._channel.send(messages.Busy(expected_s, is_guess))
