"""The loop that makes pictures: schedule, predict, advance, for ever. Generic over the pipeline; owns no policy.

A picture joins at the next UNet call, leaves when its latents are finished, is canceled between calls and fails alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final, Generic

from pipelines.interface import ConditioningT, OutputT, Pipeline, Raster, StateT
from service.engine import events
from service.engine.channel import Channel
from service.engine.config import WorkerConfig
from service.engine.cost import Speed
from service.engine.events import Cancel, Drain, Submit, ToWorker
from service.engine.isolation import PLAIN_DEVICE, Device, Fault, Isolation
from service.engine.job import Picture
from service.engine.prompts import EMPTY_PROMPT, PromptCache
from service.engine.scheduler import Scheduler

BEAT_S: Final = 1.0
_UNSENT_DECODES: Final = 2
"""Decodes whose pictures may wait to be sent before newcomers are held back."""
_BLOCKED_WAIT_S: Final = 0.05
"""Between looks at a full channel, while there is nothing else to do."""


class Worker(Generic[ConditioningT, StateT, OutputT]):
    """Serves one pipeline to one channel."""

    def __init__(
        self,
        pipeline: Pipeline[ConditioningT, StateT, OutputT],
        channel: Channel,
        config: WorkerConfig,
        *,
        device: Device = PLAIN_DEVICE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pipeline = pipeline
        self._channel = channel
        self._clock = clock
        self._isolation = Isolation(device)
        self._prompts = PromptCache(pipeline.encode, self._isolation, config.max_cached_prompts)
        self._scheduler: Scheduler[StateT] = Scheduler(
            max_rows=config.max_rows, max_begun=config.max_begun, max_decode=config.max_decode
        )
        self._max_unsent = _UNSENT_DECODES * config.max_decode
        self._speed = Speed()
        self._draining = False
        self._calls = 0
        self._last_rows = 0
        self._next_beat_s = clock()

    @property
    def done(self) -> bool:
        """Whether it was told to drain and has."""
        return self._draining and self._idle

    def run(self) -> None:
        """Until drained. Raises what the device does not survive."""
        while not self.done:
            self.turn()

    def turn(self) -> None:
        """At most one UNet call and one decode; waits for something to do, a second at most."""
        self._beat()
        for message in self._channel.receive(self._patience_s()):
            self._receive(message)
        self._begin()
        self._call()
        self._decode()

    @property
    def _idle(self) -> bool:
        return not self._scheduler.waiting and not self._scheduler.begun

    @property
    def _blocked(self) -> bool:
        return self._channel.unsent_pictures >= self._max_unsent

    def _patience_s(self) -> float:
        if self._scheduler.begun:
            return 0.0
        if self._scheduler.waiting:
            return _BLOCKED_WAIT_S if self._blocked else 0.0
        self._scheduler.check_integrity()
        return max(0.0, self._next_beat_s - self._clock())

    def _beat(self) -> None:
        now_s = self._clock()
        if now_s >= self._next_beat_s:
            self._next_beat_s = now_s + BEAT_S
            active, waiting = self._scheduler.begun, self._scheduler.waiting
            self._channel.send(events.Beat(calls=self._calls, rows=self._last_rows, active=active, waiting=waiting))

    def _receive(self, message: ToWorker) -> None:
        match message:
            case Submit():
                now_s = self._clock()
                self._scheduler.add(
                    Picture(
                        id=message.picture_id,
                        params=message.params,
                        previews=message.previews,
                        arrived_s=now_s,
                        deadline_s=now_s + message.priority * self._speed.solo_s(message.params),
                    )
                )
            case Cancel():
                picture = self._scheduler.get(message.picture_id)
                if picture is not None:  # It may have ended while the message was under way.
                    self._scheduler.remove(picture)
                    self._channel.send(events.Canceled(picture.id))
            case Drain():
                self._draining = True

    def _begin(self) -> None:
        """Give newcomers their text and their noise."""
        pictures = [] if self._blocked else self._scheduler.choose_begin()
        if not pictures:
            return
        start_s = self._clock()
        for picture in pictures:
            picture.queue_s = start_s - picture.arrived_s
            # Before the first call on its behalf: were that to kill the worker, the facade knows the suspects.
            self._channel.send(events.Started(picture.id, picture.queue_s))
        known = self._prompts.get_all(text for picture in pictures for text in _texts(picture))
        for picture in pictures:
            prompt, negative = (known[text] for text in _texts(picture))
            self._begin_one(picture, prompt, negative)
            picture.begun_s = self._clock()
            picture.encode_s = picture.begun_s - start_s

    def _begin_one(
        self, picture: Picture[StateT], prompt: ConditioningT | Fault, negative: ConditioningT | Fault
    ) -> None:
        if isinstance(prompt, Fault):
            return self._fail(picture, prompt)
        if isinstance(negative, Fault):
            return self._fail(picture, negative)
        state = self._isolation.run_once(lambda: self._pipeline.begin(picture.params, prompt, negative))
        if isinstance(state, Fault):
            return self._fail(picture, state)
        picture.state = state
        self._scheduler.begin(picture)
        return None

    def _call(self) -> None:
        """One UNet call, and what follows from it for each of its pictures."""
        pictures = self._scheduler.choose_call()
        if not pictures:
            return
        key = pictures[0].demand.key
        rows = sum(picture.rows for picture in pictures)
        start_s = self._clock()
        outputs = self._isolation.run(self._predict, pictures)
        predicted_s = self._clock()
        for picture, output in zip(pictures, outputs, strict=True):
            picture.calls += 1
            picture.rows_met += rows
            if isinstance(output, Fault):
                self._fail(picture, output)
            else:
                self._advance(picture, output)
        end_s = self._clock()
        self._calls += 1
        self._last_rows = rows
        width, height = pictures[0].size
        self._scheduler.charge(key, end_s - start_s)
        self._speed.record(width=width, height=height, rows=rows, seconds=end_s - start_s)
        self._channel.send(
            events.CallDone(
                width=width,
                height=height,
                rows=rows,
                pictures=len(pictures),
                predict_s=predicted_s - start_s,
                advance_s=end_s - predicted_s,
            )
        )

    def _advance(self, picture: Picture[StateT], output: OutputT) -> None:
        state = picture.begun
        fault = self._isolation.run_once(lambda: self._pipeline.advance(state, output))
        if fault is not None:
            self._fail(picture, fault)
            return
        if state.step > picture.step_sent:
            picture.step_sent = state.step
            self._channel.send(events.Progress(picture.id, state.step, picture.params.steps))
        if state.demand is None:
            picture.denoised_s = self._clock()
            self._scheduler.finish(picture)
        elif picture.preview_due and not self._channel.congested:
            self._preview(picture)

    def _preview(self, picture: Picture[StateT]) -> None:
        raster = self._isolation.run_once(lambda: self._pipeline.preview(picture.begun))
        if isinstance(raster, Fault):
            picture.previews = 0  # A preview is a courtesy: the picture goes on without.
            return
        self._channel.send(
            events.Preview(
                picture.id, picture.previews_sent, picture.begun.step, raster.width, raster.height, raster.pixels
            )
        )
        picture.previews_sent += 1

    def _decode(self) -> None:
        pictures = self._scheduler.choose_decode()
        rasters = self._isolation.run(self._decode_batch, pictures)
        for picture, raster in zip(pictures, rasters, strict=True):
            if isinstance(raster, Fault):
                self._fail(picture, raster)
            else:
                self._finish(picture, raster)

    def _finish(self, picture: Picture[StateT], raster: Raster) -> None:
        timings = events.Timings(
            queue_s=picture.queue_s,
            encode_s=picture.encode_s,
            denoise_s=picture.denoised_s - picture.begun_s,
            decode_s=self._clock() - picture.denoised_s,
            mean_rows=picture.rows_met / picture.calls,
        )
        self._scheduler.remove(picture)
        self._channel.send(events.Finished(picture.id, raster.width, raster.height, raster.pixels, timings))

    def _fail(self, picture: Picture[StateT], fault: Fault) -> None:
        self._scheduler.remove(picture)
        self._channel.send(events.Failed(picture.id, fault.code, fault.message, fault.field))

    def _predict(self, pictures: Sequence[Picture[StateT]]) -> list[OutputT]:
        return self._pipeline.predict([picture.begun for picture in pictures])

    def _decode_batch(self, pictures: Sequence[Picture[StateT]]) -> list[Raster]:
        return self._pipeline.decode([picture.begun for picture in pictures])


def _texts(picture: Picture[StateT]) -> tuple[str, str]:
    """Its prompt, and the negative prompt that counts: an unguided picture has none."""
    return picture.params.prompt, picture.params.negative_prompt if picture.params.guided else EMPTY_PROMPT
