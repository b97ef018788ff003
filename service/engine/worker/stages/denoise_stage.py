"""Makes UNet calls: begins the images that take their first one, and advances all of them together.

Runs in the worker's process. The scheduler chooses the images, and the loop decides what happens to a failed one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Generic

from pipelines.interface import ConditioningT, OutputT, PendingAdvance, Pipeline, StateT
from service.engine import messages
from service.engine.scheduling.batch_former import Batch
from service.engine.scheduling.image import ScheduledImage
from service.engine.scheduling.scheduler import Scheduler
from service.engine.worker.channel import Channel
from service.engine.worker.checkpoints.checkpoints import Checkpoints, StartedCheckpoint
from service.engine.worker.fault_isolation import Fault, FaultIsolation
from service.engine.worker.stages.call_meter import CallMeter, MeteredCall
from service.engine.worker.stages.running_call import Results, RunningCall


@dataclass(frozen=True, slots=True)
class _Advance(Generic[StateT]):
    """The updates of some images of a call, which were launched together."""

    images: Sequence[ScheduledImage[StateT]]
    steps: Sequence[int]
    """Number of steps that each image has done after this call."""
    last: Sequence[bool]
    """Whether this call was each image's last UNet call."""
    pending: PendingAdvance
    checkpoints: Sequence[StartedCheckpoint | None]
    """The checkpoint of each image that has one after this call."""


class DenoiseStage(Generic[ConditioningT, StateT, OutputT]):
    """Launches UNet calls and the sampler updates after them."""

    def __init__(
        self,
        pipeline: Pipeline[ConditioningT, StateT, OutputT],
        scheduler: Scheduler[StateT],
        meter: CallMeter,
        channel: Channel,
        isolation: FaultIsolation,
        checkpoints: Checkpoints[StateT],
        clock: Callable[[], float],
    ) -> None:
        self._pipeline = pipeline
        self._scheduler = scheduler
        self._meter = meter
        self._channel = channel
        self._isolation = isolation
        self._checkpoints = checkpoints
        self._clock = clock

    def start(self, batch: Batch[StateT]) -> RunningCall[StateT]:
        call = self._meter.start(batch.images, batch.cost, batch.rows)
        failed: list[tuple[ScheduledImage[StateT], Fault]] = []
        images = self._begin_new(batch.images, failed)
        outputs = self._isolation.run(lambda part: self._predict(call, part), images)
        self._meter.predicted(call)
        sound: list[tuple[ScheduledImage[StateT], OutputT]] = []
        for image, output in zip(images, outputs, strict=True):
            if isinstance(output, Fault):
                failed.append((image, output))
            else:
                sound.append((image, output))
        advances = self._advance(sound, failed)
        self._meter.launched(call)
        return RunningCall(
            self._meter,
            batch,
            [call],
            lambda: self._collect(call, advances, failed),
            is_ready=lambda: all(advance.pending.ready for advance in advances),
        )

    def restart_upcast(self, image: ScheduledImage[StateT]) -> Fault | None:
        """Begins the image again in higher precision. Returns a fault if that fails."""
        image.upcast = True
        self._meter.announce_unknown()
        state = self._isolation.run_once(lambda: self._pipeline.begin_upcast(image.params, image.encoded))
        if isinstance(state, Fault):
            return state
        image.state = state
        image.plan = replace(self._pipeline.plan(image.params, upcast=True), steps=image.plan.steps)
        image.decode_call = None
        self._scheduler.update(image)
        self._channel.send(messages.Retried(image.id))
        return None

    def _begin_new(
        self, images: Sequence[ScheduledImage[StateT]], failed: list[tuple[ScheduledImage[StateT], Fault]]
    ) -> list[ScheduledImage[StateT]]:
        """Begins the images without a state. Returns all images but those that failed."""
        begun: list[ScheduledImage[StateT]] = []
        for image in images:
            fault = None if image.state is not None else self._begin(image)
            if fault is None:
                begun.append(image)
            else:
                failed.append((image, fault))
        return begun

    def _begin(self, image: ScheduledImage[StateT]) -> Fault | None:
        conditionings = [image.conditionings[text] for text in image.texts]
        state = self._isolation.run_once(lambda: self._begin_or_resume(image, conditionings))
        if isinstance(state, Fault):
            return state
        image.state = state
        if not image.calls_made:
            image.begun_s = self._clock()
        if image.resume_point is not None:
            image.resume_point, image.step, image.reported_step = None, state.step, state.step
            eta_s = self._scheduler.alone_s(image)
            self._channel.send(messages.Progress(image.id, state.step, image.plan.steps, eta_s))
        return None

    def _begin_or_resume(self, image: ScheduledImage[StateT], conditionings: Sequence[ConditioningT]) -> StateT:
        point = image.resume_point
        if point is None:
            return self._pipeline.begin(image.params, conditionings, image.encoded)
        return self._pipeline.resume(image.params, conditionings, image.encoded, point.snapshot)

    def _predict(self, call: MeteredCall, images: Sequence[ScheduledImage[StateT]]) -> list[OutputT]:
        rows = sum(image.target.rows for image in images)
        try:
            outputs = self._pipeline.predict([image.begun_state for image in images])
        except Exception as error:
            self._meter.failed(call, rows, error)
            raise
        self._meter.fitted(call, rows)
        return outputs

    def _advance(
        self,
        sound: Sequence[tuple[ScheduledImage[StateT], OutputT]],
        failed: list[tuple[ScheduledImage[StateT], Fault]],
    ) -> list[_Advance[StateT]]:
        """Launches the updates of all images together or, where that fails, one by one."""
        if not sound:
            return []
        images = [image for image, _ in sound]
        states, outputs = [image.begun_state for image in images], [output for _, output in sound]
        pending = self._isolation.run_once(lambda: self._pipeline.advance(states, outputs))
        if not isinstance(pending, Fault):
            self._scheduler.hold(image for image in images if image.awaits_refiner)
            for image in images:
                if not image.awaits_refiner:
                    self._scheduler.update(image)
            return [
                _Advance(
                    images,
                    [state.step for state in states],
                    [image.finished for image in images],
                    pending,
                    [self._checkpoints.start(image) for image in images],
                )
            ]
        if len(sound) == 1:
            failed.append((images[0], pending))
            return []
        return [advance for pair in sound for advance in self._advance([pair], failed)]

    def _collect(
        self,
        call: MeteredCall,
        advances: Sequence[_Advance[StateT]],
        failed: Sequence[tuple[ScheduledImage[StateT], Fault]],
    ) -> Results[StateT]:
        """Waits for the updates, and records in the images that they took part in the call."""
        results: list[tuple[ScheduledImage[StateT], Fault | None]] = [*failed]
        for advance in advances:
            errors = advance.pending.finish()
            for image, step, last, error in zip(advance.images, advance.steps, advance.last, errors, strict=True):
                image.step = step
                image.calls_made += 1
                image.batch_rows_sum += call.rows
                if last:
                    image.denoised_s = self._clock()
                results.append((image, None if error is None else self._isolation.fault_of(error)))
            taken = zip(advance.checkpoints, errors, strict=True)
            self._checkpoints.send([each for each, error in taken if each is not None and error is None])
        return results
