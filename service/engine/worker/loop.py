"""The worker's loop: chooses a call, launches it, and collects the one before. Generic over the pipeline.

Runs in the worker's process; the policy is the scheduler's. An image joins at the next UNet call, leaves when its
latents are finished, is canceled between calls, and fails without failing the others. While the device works on a call,
the next one is prepared and launched; where the device has no queue of its own, a call is done when it is launched.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Generic

from pipelines.interface import UPSCALE, ConditioningT, OutputT, RgbImage, Stage, StateT
from service.engine import limits, messages
from service.engine.call_record import CallRecord
from service.engine.config import WorkerConfig
from service.engine.costs.cost_cache import CostCache
from service.engine.costs.cost_model import CostModel
from service.engine.costs.cost_table import CostTable
from service.engine.messages import BEAT_S, Submit, ToWorker
from service.engine.scheduling.batch_former import Batch
from service.engine.scheduling.image import ScheduledImage
from service.engine.scheduling.scheduler import Scheduler
from service.engine.worker.channel import Channel
from service.engine.worker.checkpoints.checkpoints import Checkpoints
from service.engine.worker.device import PLAIN_DEVICE, Device
from service.engine.worker.fault_isolation import Fault, FaultIsolation
from service.engine.worker.image_reports import ImageReports
from service.engine.worker.intake import Intake
from service.engine.worker.models.pipeline_router import PipelineRouter
from service.engine.worker.models.pool import ModelPool
from service.engine.worker.models.supply import ModelSupply
from service.engine.worker.stages.call_meter import CallMeter
from service.engine.worker.stages.decode_stage import DecodeStage
from service.engine.worker.stages.denoise_stage import DenoiseStage
from service.engine.worker.stages.handover import Handover
from service.engine.worker.stages.input_stage import InputStage
from service.engine.worker.stages.running_call import Results, RunningCall
from service.engine.worker.stages.text_stage import TextStage
from service.engine.worker.stages.upscale_stage import UpscaleStage
from service.errors import DeadlineExceededError, NonFiniteResultError

_DEPTH: Final = 1
"""Number of calls that may be under way when the next one is launched."""
_UNSENT_DECODES: Final = 2
"""Number of full decodes whose images may wait to be sent. Beyond it no further images begin."""
_BLOCKED_WAIT_S: Final = 0.05
"""Seconds between two checks of a full channel or a load when there is nothing else to do."""
_UNMEASURED: Final = CostTable()
_NO_FACTS: Final[Mapping[str, object]] = MappingProxyType({})
_TOO_LATE: Final = Fault(DeadlineExceededError.code, "The image could not be finished by its deadline.")


class Worker(Generic[ConditioningT, StateT, OutputT]):
    """Serves the models of one pool to one channel."""

    def __init__(
        self,
        pool: ModelPool,
        channel: Channel,
        config: WorkerConfig,
        *,
        costs: CostTable = _UNMEASURED,
        cost_cache: CostCache | None = None,
        facts: Mapping[str, object] = _NO_FACTS,
        record: CallRecord | None = None,
        device: Device = PLAIN_DEVICE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`costs` holds measured costs of these models on this device, and `cost_cache` keeps the learned costs.
        `facts` are passed to `Checkpoints`. `record` is written before each call. Bounds that `config` leaves open are
        those of a CPU."""
        pipeline = PipelineRouter(pool)
        self._channel = channel
        self._clock = clock
        self._device = device
        self._cost_cache = cost_cache or CostCache(None, {})
        self._isolation = FaultIsolation(device)
        info, bounds = pipeline.info, limits.resolve(config, None)
        self._cost = CostModel(costs, max_counts=bounds.max_counts)
        self._scheduler: Scheduler[StateT] = Scheduler(
            self._cost,
            max_state_bytes=bounds.max_begun_bytes,
            padded_rows=info.padded_rows,
            beside=frozenset({Stage.DECODE}) if info.decodes_beside else frozenset(),
            model_may_begin=pool.may_begin,
            shares=config.shares,
        )
        record = record or CallRecord.private()
        meter = CallMeter(info, self._cost, channel, device, clock, record)
        self._text_stage = TextStage(
            pipeline, self._scheduler, meter, self._isolation, max_cached_prompts=config.max_cached_prompts
        )
        self._input_stage = InputStage(pipeline, self._scheduler, meter, self._isolation)
        self._upscale_stage = UpscaleStage(pipeline, self._scheduler, meter, self._isolation)
        checkpoints: Checkpoints[StateT] = Checkpoints(
            pipeline, channel, self._isolation, facts=facts, name_of=lambda model: pool.info(model).name
        )
        self._denoise_stage = DenoiseStage(
            pipeline, self._scheduler, meter, channel, self._isolation, checkpoints, clock
        )
        self._handover = Handover(pipeline, self._scheduler, self._text_stage, self._isolation, clock)
        self._decode_stage = DecodeStage(pipeline, self._scheduler, meter, self._isolation)
        self._models = ModelSupply(pool, self._scheduler, channel, clock, forget=self._forget)
        self._intake: Intake[StateT] = Intake(pipeline, self._cost, checkpoints, config, clock, load_s=pool.wait_s)
        self._reports = ImageReports(pipeline, self._scheduler, channel, self._isolation, record, clock)
        self._max_unsent = _UNSENT_DECODES * bounds.max_decode
        self._running: deque[RunningCall[StateT]] = deque()
        """Calls under way, in the order of their launch."""
        self._beside: RunningCall[StateT] | None = None
        """The call that runs beside these calls."""
        self._draining = False
        self._next_beat_s = clock()

    @property
    def done(self) -> bool:
        """Whether the worker was told to drain and has finished everything."""
        return self._draining and self._scheduler.idle and not self._running and self._beside is None

    def run(self) -> None:
        """Runs until the worker has drained. Raises the errors after which the device is broken."""
        while not self.done:
            self.turn()
        self._cost_cache.store(self._cost.table())

    def turn(self) -> None:
        """Launches at most one call, and one beside it, and collects the calls that are done. Waits for messages when
        idle, until the next beat."""
        self._beat()
        for message in self._channel.receive(self._poll_timeout_s()):
            self._receive(message)
        for image, fault in self._models.turn(self._models_at_work):
            self._fail(image, fault)
        for image in self._scheduler.expire_and_demote(self._clock()):
            self._fail(image, _TOO_LATE)
        batch = self._choose()
        if batch is not None and batch.isolated:
            # If the worker dies in a call of suspects, no other call is under way.
            self._collect_all()
            batch = self._choose()
        if batch is not None:
            self._running.append(self._start(batch))
        if batch is not None and batch.isolated:
            self._collect_all()
        self._collect(wait=batch is None)

    @property
    def _models_at_work(self) -> list[str]:
        """The models of the calls that are under way."""
        beside = [] if self._beside is None else [self._beside]
        return [running.model for running in (*self._running, *beside)]

    @property
    def _blocked(self) -> bool:
        """Whether so many finished images wait to be sent that no further images begin."""
        return self._channel.unsent_images >= self._max_unsent

    def _poll_timeout_s(self) -> float:
        if self._running or self._beside is not None or self._scheduler.begun:
            return 0.0
        if self._scheduler.waiting:
            return 0.0 if self._scheduler.runnable and not self._blocked else _BLOCKED_WAIT_S
        if self._models.loading:
            return _BLOCKED_WAIT_S
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
            self._cost_cache.store_if_due(self._cost.table, now_s)
            self._models.beat()

    def _receive(self, message: ToWorker) -> None:
        match message:
            case messages.Input() | messages.Forget():
                self._input_stage.receive(message)
            case Submit():
                self._admit(message)
            case messages.Cancel():
                canceled = self._scheduler.get(message.image_id)
                if canceled is not None:  # The image may have ended while the message was on its way.
                    self._scheduler.remove(canceled)
                    self._channel.send(messages.Canceled(canceled.id))
            case messages.LoadModel() | messages.UnloadModel() | messages.PinModel():
                self._models.receive(message)
            case messages.Drain():
                self._draining = True

    def _admit(self, submit: Submit) -> None:
        fault = self._models.fault_of(submit.params)
        if fault is not None:
            self._reports.send_failed(submit.image_id, submit.log_ids, fault)
            return
        image = self._intake.image_of(submit)
        self._text_stage.admit(image)
        self._input_stage.admit(image)
        self._scheduler.add(image)

    def _forget(self, model: str) -> None:
        """Drops texts and inputs that were encoded with a model that is no longer resident."""
        self._text_stage.forget(model)
        self._input_stage.forget(model)

    def _choose(self) -> Batch[StateT] | None:
        return self._scheduler.choose(self._clock(), may_begin=not self._blocked)

    def _start(self, batch: Batch[StateT]) -> RunningCall[StateT]:
        """Launches a call of any stage."""
        for image in batch.images:
            if image.started_s is None:
                image.started_s = self._clock()
                # Sent before the first call on its behalf, so that the caller hears of the start first.
                self._channel.send(messages.Started(image.id))
        match batch.key.stage:
            case Stage.TEXT:
                return self._text_stage.start(batch)
            case Stage.INPUT if batch.key.phase == UPSCALE:
                return self._upscale_stage.start(batch)
            case Stage.INPUT:
                return self._input_stage.start(batch)
            case Stage.DENOISE:
                return self._denoise_stage.start(batch)
            case Stage.DECODE:
                return self._decode_stage.start(batch)
            case Stage.LOAD:
                raise AssertionError("loads are no calls of images")

    def _collect(self, *, wait: bool) -> None:
        """Collects the calls that are done. With `wait`, and where too many are under way, waits for the oldest."""
        while self._running and (wait or len(self._running) > _DEPTH or self._running[0].ready):
            self._finish(self._running.popleft())
            wait = False
        if self._beside is not None and (self._beside.ready or (wait and not self._running)):
            beside, self._beside = self._beside, None
            self._finish(beside)
        if self._beside is None:
            batch = self._scheduler.choose_beside(self._clock())
            if batch is not None:
                self._beside = self._start(batch)

    def _collect_all(self) -> None:
        """Waits for every call that is under way."""
        while self._running:
            self._finish(self._running.popleft())
        if self._beside is not None:
            beside, self._beside = self._beside, None
            self._finish(beside)

    def _finish(self, running: RunningCall[StateT]) -> None:
        results = [(image, result) for image, result in running.finish() if self._scheduler.get(image.id) is image]
        self._scheduler.charge([(image.tenant, rows) for image, rows in running.parts], running.seconds)
        self._models.worked(running.model, running.seconds)
        self._settle(results)
        going_on = [image for image, result in results if result is None and image.state is not None]
        self._reports.send_progress(going_on)
        for image, fault in self._handover.hand_over_ready(going_on):
            self._fail(image, fault)

    def _settle(self, results: Results[StateT]) -> None:
        """Ends the images that are finished or failed."""
        for image, result in results:
            ended = self._input_stage.put_back_kept(image, result) if isinstance(result, RgbImage) else result
            match ended:
                case RgbImage():
                    self._scheduler.learn_end(image, self._clock())
                    self._scheduler.remove(image)
                    self._reports.send_finished(image, ended)
                case Fault():
                    self._retry_or_fail(image, ended)

    def _retry_or_fail(self, image: ScheduledImage[StateT], fault: Fault) -> None:
        """Makes an image whose numbers overflowed again in higher precision, or first decodes it with a wider decoder
        if its latents are sound. Other faults are final, even that of an input, which was encoded in wide precision."""
        final: Fault | None = fault
        if fault.code == NonFiniteResultError.code and not image.upcast and image.input_call is None:
            if image.finished and image.decode_call is None:
                image.widen_decode()
                self._scheduler.update(image)
                return
            final = self._denoise_stage.restart_upcast(image)
        if final is not None:
            self._fail(image, final)

    def _fail(self, image: ScheduledImage[StateT], fault: Fault) -> None:
        self._scheduler.remove(image)
        self._reports.send_failed(image.id, image.log_ids, fault)
