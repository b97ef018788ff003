"""The loop that makes pictures: schedule, predict, advance, for ever. Generic over the pipeline; owns no policy.

A picture joins at the next UNet call, leaves when its latents are finished, is canceled between calls and fails alone.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Final, Generic

from pipelines.interface import ConditioningT, OutputT, Pipeline, Raster, StateT
from service.engine import messages
from service.engine.config import WorkerConfig
from service.engine.costs.cost_model import CostModel, CostTable, state_bytes
from service.engine.messages import BEAT_S, Cancel, Drain, Priority, Submit, ToWorker
from service.engine.scheduling.image import Picture
from service.engine.scheduling.scheduler import Scheduler
from service.engine.worker.channel import Channel
from service.engine.worker.decode_stage import Decodes
from service.engine.worker.fault_isolation import PLAIN_DEVICE, Device, Fault, Isolation
from service.engine.worker.measured_calls import MeasuredCalls
from service.engine.worker.prompt_cache import EMPTY_PROMPT, PromptCache
from service.errors import DeadlineExceededError, NonFiniteResultError

_UNSENT_DECODES: Final = 2
"""Decodes whose pictures may wait to be sent before newcomers are held back."""
_BLOCKED_WAIT_S: Final = 0.05
"""Between looks at a full channel, while there is nothing else to do."""
_UNMEASURED: Final = CostTable()
_LATE: Final = Fault(DeadlineExceededError.code, "The picture could not be finished by its deadline.")


class Worker(Generic[ConditioningT, StateT, OutputT]):
    """Serves one pipeline to one channel."""

    def __init__(
        self,
        pipeline: Pipeline[ConditioningT, StateT, OutputT],
        channel: Channel,
        config: WorkerConfig,
        *,
        costs: CostTable = _UNMEASURED,
        device: Device = PLAIN_DEVICE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`costs` is what was measured of this pipeline on this device so far."""
        self._pipeline = pipeline
        self._channel = channel
        self._clock = clock
        self._device = device
        self._isolation = Isolation(device)
        self._cost = CostModel(costs, max_rows=config.max_rows, max_decode=config.max_decode)
        self._measured = MeasuredCalls(pipeline, self._cost, channel, device, clock)
        self._prompts = PromptCache(self._measured.encode, self._isolation, config.max_cached_prompts)
        self._scheduler: Scheduler[StateT] = Scheduler(
            self._cost,
            max_begun=config.max_begun,
            max_begun_bytes=config.max_begun_bytes,
            max_decode=config.max_decode,
        )
        self._decodes = Decodes(self._measured, self._scheduler, self._isolation, clock)
        self._patience = {
            Priority.INTERACTIVE: config.interactive_patience,
            Priority.BATCH: config.batch_patience,
        }
        self._max_unsent = _UNSENT_DECODES * config.max_decode
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
        """At most one UNet call and one decode begun; waits for something to do, a second at most."""
        self._beat()
        for message in self._channel.receive(self._patience_s()):
            self._receive(message)
        self._give_up()
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
            self._channel.send(
                messages.Beat(
                    calls=self._calls,
                    rows=self._last_rows,
                    active=self._scheduler.begun,
                    waiting=self._scheduler.waiting,
                    oldest_s=self._scheduler.oldest_s(now_s),
                    memory_bytes=self._device.memory_bytes(),
                )
            )

    def _receive(self, message: ToWorker) -> None:
        match message:
            case Submit():
                self._scheduler.add(self._accept(message))
            case Cancel():
                picture = self._scheduler.get(message.picture_id)
                if picture is not None:  # It may have ended while the message was under way.
                    self._scheduler.remove(picture)
                    self._channel.send(messages.Canceled(picture.id))
            case Drain():
                self._draining = True

    def _accept(self, submit: Submit) -> Picture[StateT]:
        arrived_s = self._clock() - submit.waited_s
        due_s = math.inf if submit.deadline_s is None else arrived_s + submit.deadline_s
        solo_s = self._cost.solo_s(submit.params)
        return Picture(
            id=submit.picture_id,
            params=submit.params,
            tenant=submit.tenant,
            previews=submit.previews,
            arrived_s=arrived_s,
            deadline_s=min(arrived_s + self._patience[submit.priority] * solo_s, due_s),
            solo_s=solo_s,
            due_s=due_s,
            state_bytes=state_bytes(submit.params, self._pipeline.info),
        )

    def _give_up(self) -> None:
        """Spend nothing more on what its caller will not have in time."""
        for picture in self._scheduler.review(self._clock()):
            self._fail(picture, _LATE)

    def _begin(self) -> None:
        """Give newcomers their text and their noise."""
        pictures = [] if self._blocked else self._scheduler.choose_begin(self._clock())
        if not pictures:
            return
        start_s = self._clock()
        for picture in pictures:
            picture.queue_s = start_s - picture.arrived_s
            # Before the first call on its behalf: were that to kill the worker, the facade knows the suspects.
            self._channel.send(messages.Started(picture.id, picture.queue_s))
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
        pictures = self._scheduler.choose_call(self._clock())
        if not pictures:
            return
        shares = [(picture.tenant, picture.rows) for picture in pictures]
        rows = sum(picture.rows for picture in pictures)
        start_s = self._clock()
        outputs = self._isolation.run(self._measured.predict, pictures)
        predicted_s = self._clock()
        faults = [
            output if isinstance(output, Fault) else self._advance(picture, output)
            for picture, output in zip(pictures, outputs, strict=True)
        ]
        self._record_call(pictures, rows, predicted_s - start_s, self._clock() - predicted_s)
        self._scheduler.charge_call(shares, self._clock() - start_s)
        for picture, fault in zip(pictures, faults, strict=True):
            if fault is not None:
                self._rescue(picture, fault)
        self._tell([picture for picture in pictures if self._scheduler.get(picture.id) is picture])

    def _advance(self, picture: Picture[StateT], output: OutputT) -> Fault | None:
        state = picture.begun
        fault = self._isolation.run_once(lambda: self._pipeline.advance(state, output))
        if fault is None and state.demand is None:
            picture.denoised_s = self._clock()
            self._scheduler.finish(picture)
        return fault

    def _record_call(self, pictures: Sequence[Picture[StateT]], rows: int, predict_s: float, advance_s: float) -> None:
        for picture in pictures:
            picture.calls += 1
            picture.rows_met += rows
        self._calls += 1
        self._last_rows = rows
        self._measured.record(pictures, rows, predict_s, advance_s)

    def _tell(self, pictures: Sequence[Picture[StateT]]) -> None:
        """How far they are, and how they look."""
        etas_s = self._scheduler.etas_s(pictures)
        for picture in pictures:
            step = picture.begun.step
            if picture.first_step_s is None and step:
                picture.first_step_s = self._clock() - picture.arrived_s
            if step > picture.step_sent:
                picture.step_sent = step
                self._channel.send(messages.Progress(picture.id, step, picture.params.steps, etas_s[picture]))
            if not picture.finished and picture.preview_due and not self._channel.congested:
                self._preview(picture)

    def _preview(self, picture: Picture[StateT]) -> None:
        raster = self._isolation.run_once(lambda: self._pipeline.preview(picture.begun))
        if isinstance(raster, Fault):
            picture.previews = 0  # A preview is a courtesy: the picture goes on without.
            return
        self._channel.send(
            messages.Preview(
                picture.id, picture.previews_sent, picture.begun.step, raster.width, raster.height, raster.pixels
            )
        )
        picture.previews_sent += 1

    def _decode(self) -> None:
        for picture, raster in self._decodes.turn():
            if isinstance(raster, Fault):
                self._rescue(picture, raster)
            else:
                self._finish(picture, raster)

    def _finish(self, picture: Picture[StateT], raster: Raster) -> None:
        timings = messages.Timings(
            queue_s=picture.queue_s,
            encode_s=picture.encode_s,
            denoise_s=picture.denoised_s - picture.begun_s,
            decode_s=self._clock() - picture.denoised_s,
            mean_rows=picture.rows_met / picture.calls,
            first_step_s=picture.first_step_s or 0.0,
        )
        self._scheduler.remove(picture)
        self._channel.send(messages.Finished(picture.id, raster.width, raster.height, raster.pixels, timings))

    def _rescue(self, picture: Picture[StateT], fault: Fault) -> None:
        """Make it once more in higher precision where its numbers went wrong; any other fault is final."""
        if fault.code != NonFiniteResultError.code or picture.precise:
            return self._fail(picture, fault)
        picture.precise = True
        state = self._isolation.run_once(lambda: self._measured.begin_precise(picture.params))
        if isinstance(state, Fault):
            return self._fail(picture, state)
        picture.state = state
        self._scheduler.begin_again(picture)
        self._channel.send(messages.MadeAgain(picture.id))
        return None

    def _fail(self, picture: Picture[StateT], fault: Fault) -> None:
        self._scheduler.remove(picture)
        self._channel.send(messages.Failed(picture.id, fault.code, fault.message, fault.field))


def _texts(picture: Picture[StateT]) -> tuple[str, str]:
    """Its prompt, and the negative prompt that counts: an unguided picture has none."""
    return picture.params.prompt, picture.params.negative_prompt if picture.params.guided else EMPTY_PROMPT
