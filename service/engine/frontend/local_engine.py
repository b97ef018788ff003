"""LocalEngine: an engine with a worker process for each device of this machine. Admits jobs, starts and stops.

Runs in the server's process. `dispatcher` moves images to the workers and results back, a `supervisor` keeps each
worker alive, and the scheduler in each worker orders its work.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import logging
import sys
import time
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias, Unpack

from pipelines.model_info import ModelInfo
from pipelines.params import GenerationParams
from service.engine import messages
from service.engine.config import EngineConfig, WorkerConfig
from service.engine.frontend.admission import Admission, shutting_down, unavailable
from service.engine.frontend.device_worker import DeviceWorker
from service.engine.frontend.dispatcher import Dispatcher
from service.engine.frontend.inflight import InFlightImages
from service.engine.frontend.inputs.held_pixels import HeldPixels
from service.engine.frontend.local_job import LocalJob, UnreadImages
from service.engine.frontend.models.prices import Prices
from service.engine.frontend.models.served_models import ServedModels
from service.engine.frontend.supervisor import Supervisor
from service.engine.frontend.waiting_line import WaitingLine
from service.engine.interface import (
    ADMITTING,
    ADMITTING_ACCEPTED,
    JobOptions,
    ModelWish,
    Phase,
    ServedModel,
    Submission,
)
from service.engine.messages import FromWorker
from service.errors import WorkerLostError
from service.ids import new_job_id
from service.observability.logs import tolerant
from service.observability.start_progress import StartProgress

WORKER_COMMAND: Final = (sys.executable, "-m", "service.engine.worker")

Observe: TypeAlias = Callable[[FromWorker, int], object]
"""Called with each message of a worker and the worker's index, for metrics."""

_PHASES: Final = (Phase.SERVING, Phase.STALLED, Phase.RESTARTING, Phase.LOADING, Phase.FAILED, Phase.STOPPED)
"""The phase of several workers is the first of these that one of them is in."""

_log = logging.getLogger(__name__)


class LocalEngine:
    """Implements `interface.Engine`. All methods belong to one event loop.

    Where one image of a job fails, the images that the worker has not begun are canceled, those that it has begun are
    finished and delivered, and then the job raises the error of the first image that failed.
    """

    def __init__(
        self,
        config: EngineConfig,
        *,
        command: Sequence[str] = WORKER_COMMAND,
        observe: Observe | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`command` starts a worker; what `observe` raises is logged."""
        self._config = config
        self._observe = None if observe is None else tolerant(observe)
        self._clock = clock
        self._held = HeldPixels(config.max_input_bytes)
        self._in_flight = InFlightImages(self._held)
        self._admission = Admission(config, self._in_flight.queued)
        self._line: WaitingLine[LocalJob] = WaitingLine(config, self._admission)
        self._starts = [StartProgress(clock) for _ in config.workers]
        self._draining = False
        self._phase_changed = asyncio.Event()
        self._supervisors = [self._supervisor(index, worker, command) for index, worker in enumerate(config.workers)]
        self._workers = [
            DeviceWorker(index, supervisor, worker)
            for index, (supervisor, worker) in enumerate(zip(self._supervisors, config.workers, strict=True))
        ]
        self._served = ServedModels(self._workers)
        self._prices = Prices(self._served, self._workers, self._in_flight)
        self._unread = UnreadImages(config.max_unread_bytes)
        self._dispatcher = Dispatcher(self._in_flight, self._workers, self._admission.speed, self._unread, clock)

    def _supervisor(self, index: int, worker: WorkerConfig, command: Sequence[str]) -> Supervisor:
        return Supervisor(
            dataclasses.replace(self._config, worker=worker),
            command,
            on_message=functools.partial(self._receive, index),
            on_crash=functools.partial(self._worker_crashed, index),
            on_failure=functools.partial(self._worker_lost, index),
            on_phase=self._phase_changed.set,
        )

    @property
    def phase(self) -> Phase:
        """The best phase of any worker, except that draining hides what happens to the workers meanwhile."""
        phases = {supervisor.phase for supervisor in self._supervisors}
        phase = next(phase for phase in _PHASES if phase in phases)
        return Phase.DRAINING if self._draining and phase not in (Phase.FAILED, Phase.STOPPED) else phase

    @property
    def failure(self) -> str | None:
        """Why no worker is left, for the operator; None where one is."""
        reasons = [supervisor.failure for supervisor in self._supervisors]
        return None if None in reasons else " ".join(dict.fromkeys(reason for reason in reasons if reason))

    @property
    def activity(self) -> str:
        return next((start.activity for start in self._starts if start.activity), "")

    @property
    def model(self) -> ModelInfo:
        return self.find_model("")

    @property
    def models(self) -> Sequence[ServedModel]:
        self._require_models()
        return self._served.listed()

    def find_model(self, name: str) -> ModelInfo:
        self._require_models()
        return self._served.find(name)

    def change_model(self, name: str, wish: ModelWish) -> None:
        self._require_models()
        message = self._served.message(name, wish)
        for worker in self._workers:
            worker.send(message)

    @property
    def backlog_s(self) -> float:
        return self._in_flight.price_s

    def price_s(self, images: Sequence[GenerationParams]) -> float:
        return sum(self._prices_s(images))

    def least_s(self, images: Sequence[GenerationParams]) -> float:
        self._require_models()
        return self._prices.least_s(images)

    async def wait_for_phase(self, *phases: Phase) -> Phase:
        while self.phase not in phases:
            self._phase_changed.clear()
            await self._phase_changed.wait()
        return self.phase

    async def start(self) -> None:
        for supervisor in self._supervisors:
            supervisor.start()

    async def stop(self, drain_s: float = 0.0) -> None:
        self._draining = True
        self._phase_changed.set()
        self._line.refuse_all(shutting_down())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(drain_s):
                await self._dispatcher.wait_until_empty()
        drained = not len(self._in_flight)
        self._dispatcher.fail_all(shutting_down())
        await asyncio.gather(*(supervisor.stop(drain=drained) for supervisor in self._supervisors))

    def submit(
        self, images: Sequence[GenerationParams], *, accepted: bool = False, **options: Unpack[JobOptions]
    ) -> LocalJob:
        submission = self._checked(images, options, ADMITTING_ACCEPTED if accepted else ADMITTING)
        prices_s, arrived_s = self._prices_s(images), self._clock()
        if accepted:
            return self._admit(submission, prices_s, arrived_s, accepted=True)
        self._held.check_room(submission.inputs)
        return self._line.admit_now(
            submission.tenant, prices_s, lambda: self._admit(submission, prices_s, arrived_s, accepted=False)
        )

    async def submit_in_line(self, images: Sequence[GenerationParams], **options: Unpack[JobOptions]) -> LocalJob:
        submission = self._checked(images, options, ADMITTING)
        prices_s, arrived_s = self._prices_s(images), self._clock()
        self._held.check_room(submission.inputs)
        held = self._held.hold(submission.inputs, submission.inputs)
        try:
            return await self._line.admit_in_turn(
                submission.tenant,
                prices_s,
                lambda: self._admit(submission, prices_s, arrived_s, accepted=False),
                submission.deadline_s,
            )
        finally:
            self._held.release(held)

    def _checked(
        self, images: Sequence[GenerationParams], options: JobOptions, admitting: Sequence[Phase]
    ) -> Submission:
        submission = Submission(images, **options)
        if self.phase not in admitting:
            raise unavailable(self.phase, self.activity)
        return submission

    def _require_models(self) -> None:
        if self._served.default is None:
            raise unavailable(self.phase, self.activity)

    def _prices_s(self, images: Sequence[GenerationParams]) -> list[float]:
        self._require_models()
        return self._prices.prices_s(self._prices.plans(images))

    def _admit(
        self, submission: Submission, prices_s: Sequence[float], arrived_s: float, *, accepted: bool
    ) -> LocalJob:
        job = LocalJob(
            new_job_id(),
            max_buffered=self._config.max_buffered_events,
            unread=self._unread,
            on_cancel=self._cancel,
            on_read=self._dispatcher.dispatch,
        )
        submits = [
            messages.Submit(
                image_id=f"{job.id}.{index}",
                params=params,
                priority=submission.priority,
                tenant=submission.tenant,
                log_ids=dict(submission.log_ids),
                previews=submission.previews,
                deadline_s=submission.deadline_s,
                max_load_wait_s=None if accepted else self._config.max_load_wait_s,
                checkpoint_every=submission.checkpoint_every,
                checkpoint=submission.checkpoints.get(index, b""),
            )
            for index, params in enumerate(submission.images)
        ]
        if not accepted and not self._in_flight.queued.images:
            self._admission.speed.started(self._clock())
        plans = self._prices.plans(submission.images)
        self._in_flight.add_job(
            job, submits, plans, prices_s, now_s=arrived_s, accepted=accepted, inputs=submission.inputs
        )
        self._dispatcher.dispatch()
        return job

    def _cancel(self, job: LocalJob) -> None:
        self._dispatcher.cancel(job)
        self._line.advance()

    def _receive(self, index: int, message: FromWorker) -> None:
        match message:
            case messages.Ready():
                self._served.learn(message.models)
                self._starts[index].end()
                self._workers[index].serve(message)
                _log.info("worker %d serves on %s", index, message.models[0].device)
                self._dispatcher.dispatch()
            case messages.CallDone():
                self._workers[index].learn(message)
            case messages.ModelState():
                self._dispatcher.apply_model(message, self._workers[index])
            case messages.Loading():
                self._starts[index].heard(message)
            case messages.Unloadable() | messages.Beat() | messages.Busy():
                pass
            case _:
                self._dispatcher.apply(message)
        if isinstance(message, messages.Progress | messages.Finished | messages.Failed | messages.Canceled):
            self._line.advance()
        if self._observe is not None:
            self._observe(message, index)

    def _worker_crashed(self, index: int, called: frozenset[str]) -> None:
        self._starts[index].end()
        self._dispatcher.worker_died(self._workers[index], called)

        self._line.advance()

    def _worker_lost(self, index: int) -> None:
        """Ends every job where no worker is left; otherwise the other workers take over the images of this one."""
        if self.failure is not None:
            error = WorkerLostError("The worker was lost, and no other can be started.")
            self._line.refuse_all(error)
            self._dispatcher.fail_all(error)
            return
        _log.error("device %s is given up: %s", self._config.workers[index].device, self._supervisors[index].failure)
        self._worker_crashed(index, frozenset())
