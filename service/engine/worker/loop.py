"""The loop that makes images: schedule, predict, advance, for ever. Generic over the pipeline; owns no policy.

An image joins at the next UNet call, leaves when its latents are finished, is canceled between calls and fails alone.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Final, Generic

from pipelines.interface import ConditioningT, OutputT, Pipeline, RgbImage, StateT
from service.engine import messages
from service.engine.config import WorkerConfig
from service.engine.costs.cost_model import CostModel, CostTable, state_bytes
from service.engine.messages import BEAT_S, Cancel, Drain, Submit, ToWorker
from service.engine.scheduling.image import ScheduledImage
from service.engine.scheduling.scheduler import Scheduler
from service.engine.types import Priority, Timings
from service.engine.worker.channel import Channel
from service.engine.worker.decode_stage import DecodeStage
from service.engine.worker.device import PLAIN_DEVICE, Device
from service.engine.worker.fault_isolation import Fault, Isolation
from service.engine.worker.measured_calls import MeasuredCalls
from service.engine.worker.prompt_cache import PromptCache
from service.errors import DeadlineExceededError, NonFiniteResultError

_UNSENT_DECODES: Final = 2
"""DecodeStage whose images may wait to be sent before newcomers are held back."""
_BLOCKED_WAIT_S: Final = 0.05
"""Between looks at a full channel, while there is nothing else to do."""
_UNMEASURED: Final = CostTable()
_LATE: Final = Fault(DeadlineExceededError.code, "The image could not be finished by its deadline.")


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
        self._decodes = DecodeStage(self._measured, self._scheduler, self._isolation, clock)
        self._deadline_factors = {
            Priority.INTERACTIVE: config.interactive_deadline_factor,
            Priority.BATCH: config.batch_deadline_factor,
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
        for message in self._channel.receive(self._poll_timeout_s()):
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
        return self._channel.unsent_images >= self._max_unsent

    def _poll_timeout_s(self) -> float:
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
                image = self._scheduler.get(message.image_id)
                if image is not None:  # It may have ended while the message was under way.
                    self._scheduler.remove(image)
                    self._channel.send(messages.Canceled(image.id))
            case Drain():
                self._draining = True

    def _accept(self, submit: Submit) -> ScheduledImage[StateT]:
        arrived_s = self._clock() - submit.waited_s
        deadline_s = math.inf if submit.deadline_s is None else arrived_s + submit.deadline_s
        solo_s = self._cost.solo_s(submit.params)
        return ScheduledImage(
            id=submit.image_id,
            params=submit.params,
            tenant=submit.tenant,
            previews=submit.previews,
            arrived_s=arrived_s,
            virtual_deadline_s=min(arrived_s + self._deadline_factors[submit.priority] * solo_s, deadline_s),
            solo_s=solo_s,
            deadline_s=deadline_s,
            state_bytes=state_bytes(submit.params, self._pipeline.info),
        )

    def _give_up(self) -> None:
        """Spend nothing more on what its caller will not have in time."""
        for image in self._scheduler.expire_and_demote(self._clock()):
            self._fail(image, _LATE)

    def _begin(self) -> None:
        """Give newcomers their text and their noise."""
        images = [] if self._blocked else self._scheduler.choose_begin(self._clock())
        if not images:
            return
        start_s = self._clock()
        for image in images:
            image.queue_s = start_s - image.arrived_s
            # Before the first call on its behalf: were that to kill the worker, the facade knows the suspects.
            self._channel.send(messages.Started(image.id, image.queue_s))
        known = self._prompts.get_all(text for image in images for text in image.params.texts)
        for image in images:
            self._begin_one(image, [known[text] for text in image.params.texts])
            image.begun_s = self._clock()
            image.encode_s = image.begun_s - start_s

    def _begin_one(self, image: ScheduledImage[StateT], encoded: Sequence[ConditioningT | Fault]) -> None:
        conditionings = [each for each in encoded if not isinstance(each, Fault)]
        fault = next((each for each in encoded if isinstance(each, Fault)), None)
        if fault is not None:
            return self._fail(image, fault)
        state = self._isolation.run_once(lambda: self._pipeline.begin(image.params, conditionings))
        if isinstance(state, Fault):
            return self._fail(image, state)
        image.state = state
        self._scheduler.begin(image)
        return None

    def _call(self) -> None:
        """One UNet call, and what follows from it for each of its images."""
        images = self._scheduler.choose_call(self._clock())
        if not images:
            return
        shares = [(image.tenant, image.rows) for image in images]
        rows = sum(image.rows for image in images)
        start_s = self._clock()
        outputs = self._isolation.run(self._measured.predict, images)
        predicted_s = self._clock()
        faults = [
            output if isinstance(output, Fault) else self._advance(image, output)
            for image, output in zip(images, outputs, strict=True)
        ]
        self._record_call(images, rows, predicted_s - start_s, self._clock() - predicted_s)
        self._scheduler.charge_call(shares, self._clock() - start_s)
        for image, fault in zip(images, faults, strict=True):
            if fault is not None:
                self._rescue(image, fault)
        self._tell([image for image in images if self._scheduler.get(image.id) is image])

    def _advance(self, image: ScheduledImage[StateT], output: OutputT) -> Fault | None:
        state = image.begun
        fault = self._isolation.run_once(lambda: self._pipeline.advance(state, output))
        if fault is None and state.next_call is None:
            image.denoised_s = self._clock()
            self._scheduler.finish(image)
        return fault

    def _record_call(
        self, images: Sequence[ScheduledImage[StateT]], rows: int, predict_s: float, advance_s: float
    ) -> None:
        for image in images:
            image.calls += 1
            image.rows_met += rows
        self._calls += 1
        self._last_rows = rows
        self._measured.record(images, rows, predict_s, advance_s)

    def _tell(self, images: Sequence[ScheduledImage[StateT]]) -> None:
        """How far they are, and how they look."""
        etas_s = self._scheduler.etas_s(images)
        for image in images:
            step = image.begun.step
            if image.first_step_s is None and step:
                image.first_step_s = self._clock() - image.arrived_s
            if step > image.step_sent:
                image.step_sent = step
                self._channel.send(messages.Progress(image.id, step, image.params.steps, etas_s[image]))
            if not image.finished and image.preview_due and not self._channel.congested:
                self._preview(image)

    def _preview(self, image: ScheduledImage[StateT]) -> None:
        rgb_image = self._isolation.run_once(lambda: self._pipeline.preview(image.begun))
        if isinstance(rgb_image, Fault):
            image.previews = 0  # A preview is a courtesy: the image goes on without.
            return
        self._channel.send(
            messages.Preview(
                image.id, image.previews_sent, image.begun.step, rgb_image.width, rgb_image.height, rgb_image.pixels
            )
        )
        image.previews_sent += 1

    def _decode(self) -> None:
        for image, rgb_image in self._decodes.turn():
            if isinstance(rgb_image, Fault):
                self._rescue(image, rgb_image)
            else:
                self._finish(image, rgb_image)

    def _finish(self, image: ScheduledImage[StateT], rgb_image: RgbImage) -> None:
        timings = Timings(
            queue_s=image.queue_s,
            encode_s=image.encode_s,
            denoise_s=image.denoised_s - image.begun_s,
            decode_s=self._clock() - image.denoised_s,
            mean_batch_rows=image.rows_met / image.calls,
            first_step_s=image.first_step_s or 0.0,
        )
        self._scheduler.remove(image)
        self._channel.send(messages.Finished(image.id, rgb_image.width, rgb_image.height, rgb_image.pixels, timings))

    def _rescue(self, image: ScheduledImage[StateT], fault: Fault) -> None:
        """Make it once more in higher precision where its numbers went wrong; any other fault is final."""
        if fault.code != NonFiniteResultError.code or image.upcast:
            return self._fail(image, fault)
        image.upcast = True
        state = self._isolation.run_once(lambda: self._measured.begin_upcast(image.params))
        if isinstance(state, Fault):
            return self._fail(image, state)
        image.state = state
        self._scheduler.begin_again(image)
        self._channel.send(messages.Retried(image.id))
        return None

    def _fail(self, image: ScheduledImage[StateT], fault: Fault) -> None:
        self._scheduler.remove(image)
        self._channel.send(messages.Failed(image.id, fault.code, fault.message, fault.field))
