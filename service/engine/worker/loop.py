"""The worker's loop: begin, predict, advance, decode, repeat. Generic over the pipeline; the policy is the scheduler's.

Runs in the worker's process. An image joins at the next UNet call, leaves when its latents are finished, is canceled
between calls, and fails without failing the others.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Final, Generic

from pipelines.interface import ConditioningT, OutputT, Pipeline, StateT
from service.engine import messages
from service.engine.call_record import CallRecord
from service.engine.config import WorkerConfig
from service.engine.costs.cost_model import CostModel, CostTable, state_bytes
from service.engine.messages import BEAT_S, Cancel, Drain, Submit, ToWorker
from service.engine.scheduling.image import ScheduledImage
from service.engine.scheduling.scheduler import Scheduler
from service.engine.types import Priority
from service.engine.worker.begin_stage import BeginStage
from service.engine.worker.channel import Channel
from service.engine.worker.decode_stage import DecodeStage
from service.engine.worker.device import PLAIN_DEVICE, Device
from service.engine.worker.fault_isolation import Fault, FaultIsolation
from service.engine.worker.image_reports import ImageReports
from service.engine.worker.measured_calls import MeasuredCalls
from service.errors import DeadlineExceededError, NonFiniteResultError

_UNSENT_DECODES: Final = 2
"""Full decodes whose images may wait to be sent before no further images begin."""
_BLOCKED_WAIT_S: Final = 0.05
"""Interval between looks at a full channel when there is nothing else to do."""
_UNMEASURED: Final = CostTable()
_TOO_LATE: Final = Fault(DeadlineExceededError.code, "The image could not be finished by its deadline.")


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
        record: CallRecord | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`costs` holds the measured costs of this pipeline on this device. The worker writes into `record` the images
        whose calls are under way."""
        self._pipeline = pipeline
        self._channel = channel
        self._clock = clock
        self._device = device
        self._isolation = FaultIsolation(device)
        self._record = record or CallRecord.private()
        self._cost = CostModel(costs, max_rows=config.max_rows, max_decode=config.max_decode)
        self._measured = MeasuredCalls(pipeline, self._cost, channel, device, clock)
        self._scheduler: Scheduler[StateT] = Scheduler(
            self._cost,
            max_begun=config.max_begun,
            max_begun_bytes=config.max_begun_bytes,
            max_decode=config.max_decode,
        )
        self._begin_stage = BeginStage(
            pipeline,
            self._measured,
            self._scheduler,
            channel,
            self._isolation,
            self._record,
            clock,
            max_cached_prompts=config.max_cached_prompts,
        )
        self._decode_stage = DecodeStage(self._measured, self._scheduler, self._isolation, self._record, clock)
        self._reports = ImageReports(pipeline, self._scheduler, channel, self._isolation, self._record, clock)
        self._deadline_factors = {
            Priority.INTERACTIVE: config.interactive_deadline_factor,
            Priority.BATCH: config.batch_deadline_factor,
        }
        self._max_unsent = _UNSENT_DECODES * config.max_decode
        self._draining = False
        self._next_beat_s = clock()

    @property
    def done(self) -> bool:
        """Whether the worker was told to drain and has finished everything."""
        return self._draining and not self._scheduler.waiting and not self._scheduler.begun

    def run(self) -> None:
        """Runs until the worker has drained. Raises the errors after which the device is broken."""
        while not self.done:
            self.turn()

    def turn(self) -> None:
        """Makes at most one UNet call and starts at most one decode. Waits for messages when idle, until the next
        beat."""
        self._beat()
        for message in self._channel.receive(self._poll_timeout_s()):
            self._receive(message)
        for image in self._scheduler.expire_and_demote(self._clock()):
            self._fail(image, _TOO_LATE)
        self._begin()
        self._call()
        self._decode()

    @property
    def _blocked(self) -> bool:
        """Whether so many finished images wait to be sent that no further images begin."""
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
                    active=self._scheduler.begun,
                    waiting=self._scheduler.waiting,
                    oldest_s=self._scheduler.oldest_wait_s(now_s),
                    memory_bytes=self._device.memory_bytes(),
                )
            )

    def _receive(self, message: ToWorker) -> None:
        match message:
            case Submit():
                self._scheduler.add(self._schedulable(message))
            case Cancel():
                image = self._scheduler.get(message.image_id)
                if image is not None:  # The image may have ended while the message was on its way.
                    self._scheduler.remove(image)
                    self._channel.send(messages.Canceled(image.id))
            case Drain():
                self._draining = True

    def _schedulable(self, submit: Submit) -> ScheduledImage[StateT]:
        arrived_s = self._clock() - submit.waited_s
        deadline_s = math.inf if submit.deadline_s is None else arrived_s + submit.deadline_s
        solo_s = self._cost.solo_s(submit.params)
        return ScheduledImage(
            id=submit.image_id,
            params=submit.params,
            tenant=submit.tenant,
            isolation=submit.isolation,
            previews=submit.previews,
            arrived_s=arrived_s,
            virtual_deadline_s=min(arrived_s + self._deadline_factors[submit.priority] * solo_s, deadline_s),
            solo_s=solo_s,
            deadline_s=deadline_s,
            state_bytes=state_bytes(submit.params, self._pipeline.info),
        )

    def _begin(self) -> None:
        if not self._blocked:
            for image, fault in self._begin_stage.turn():
                self._fail(image, fault)

    def _call(self) -> None:
        """Makes one UNet call, then updates and reports each of its images."""
        images = self._scheduler.choose_call(self._clock())
        if not images:
            return
        tenant_rows = [(image.tenant, image.rows) for image in images]
        rows = sum(image.rows for image in images)
        start_s = self._clock()
        with self._record.during(image.id for image in images):
            outputs = self._isolation.run(self._measured.predict, images)
            predicted_s = self._clock()
            faults = [
                output if isinstance(output, Fault) else self._advance(image, output)
                for image, output in zip(images, outputs, strict=True)
            ]
        for image in images:
            image.calls_made += 1
            image.batch_rows_sum += rows
        self._measured.record(images, rows, predicted_s - start_s, self._clock() - predicted_s)
        self._scheduler.charge_call(tenant_rows, self._clock() - start_s)
        for image, fault in zip(images, faults, strict=True):
            if fault is not None:
                self._retry_or_fail(image, fault)
        self._reports.send_progress([image for image in images if self._scheduler.get(image.id) is image])

    def _advance(self, image: ScheduledImage[StateT], output: OutputT) -> Fault | None:
        state = image.begun_state
        fault = self._isolation.run_once(lambda: self._pipeline.advance(state, output))
        if fault is None and state.next_call is None:
            image.denoised_s = self._clock()
            self._scheduler.finish(image)
        return fault

    def _decode(self) -> None:
        for image, rgb_image in self._decode_stage.turn():
            if isinstance(rgb_image, Fault):
                self._retry_or_fail(image, rgb_image)
            else:
                self._scheduler.remove(image)
                self._reports.send_finished(image, rgb_image)

    def _retry_or_fail(self, image: ScheduledImage[StateT], fault: Fault) -> None:
        """Restarts an image whose numbers overflowed once, in higher precision. Any other fault is final."""
        final: Fault | None = fault
        if fault.code == NonFiniteResultError.code and not image.upcast:
            final = self._begin_stage.restart_upcast(image)
        if final is not None:
            self._fail(image, final)

    def _fail(self, image: ScheduledImage[StateT], fault: Fault) -> None:
        self._scheduler.remove(image)
        self._channel.send(messages.Failed(image.id, fault.code, fault.message, fault.field))
