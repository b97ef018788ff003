"""LocalEngine: an engine with one worker process on this machine. Admits jobs, starts and stops.

Runs in the server's process. `dispatcher` moves images to the worker and results back, `supervisor` keeps the worker
alive, and the scheduler in the worker orders the work.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import Callable, Sequence
from typing import Final, Unpack

from pipelines.interface import ModelInfo
from pipelines.params import GenerationParams
from service.engine import messages
from service.engine.config import EngineConfig
from service.engine.costs.cost_model import CostModel, CostTable
from service.engine.frontend.admission import Admission, QueuedImage
from service.engine.frontend.dispatcher import Dispatcher
from service.engine.frontend.inflight import InFlightImages
from service.engine.frontend.local_job import LocalJob
from service.engine.frontend.supervisor import Supervisor
from service.engine.frontend.waiting_line import WaitingLine
from service.engine.interface import ADMITTING, ADMITTING_ACCEPTED, JobOptions, Phase, Submission
from service.engine.messages import FromWorker
from service.errors import EngineUnavailableError, WorkerLostError
from service.ids import new_job_id

WORKER_COMMAND: Final = (sys.executable, "-m", "service.engine.worker")

_RETRY_LOADING_S: Final = 5.0


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
        observe: Callable[[FromWorker], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`command` starts a worker; `observe` is called with each of its messages, for metrics."""
        self._config = config
        self._observe = observe
        self._clock = clock
        self._in_flight = InFlightImages()
        self._admission = Admission(config, self._queued)
        self._line: WaitingLine[LocalJob] = WaitingLine(config, self._admission)
        self._cost = self._cost_model(CostTable())
        self._model: ModelInfo | None = None
        self._draining = False
        self._phase_changed = asyncio.Event()
        self._supervisor = Supervisor(
            config,
            command,
            on_message=self._receive,
            on_crash=self._worker_crashed,
            on_failure=self._worker_lost,
            on_phase=self._phase_changed.set,
        )
        self._dispatcher = Dispatcher(self._in_flight, self._supervisor, self._admission.speed, clock)

    @property
    def phase(self) -> Phase:
        """The supervisor's phase, except that draining hides what happens to the worker meanwhile."""
        phase = self._supervisor.phase
        return Phase.DRAINING if self._draining and phase not in (Phase.FAILED, Phase.STOPPED) else phase

    @property
    def failure(self) -> str | None:
        """Why the phase is `failed`, for the operator."""
        return self._supervisor.failure

    @property
    def model(self) -> ModelInfo:
        if self._model is None:
            raise self._unavailable()
        return self._model

    @property
    def backlog_s(self) -> float:
        return sum(image.price_s for image in self._in_flight)

    def price_s(self, images: Sequence[GenerationParams]) -> float:
        return sum(self._prices_s(images))

    async def wait_for_phase(self, *phases: Phase) -> Phase:
        while self.phase not in phases:
            self._phase_changed.clear()
            await self._phase_changed.wait()
        return self.phase

    async def start(self) -> None:
        self._supervisor.start()

    async def stop(self, drain_s: float = 0.0) -> None:
        self._draining = True
        self._phase_changed.set()
        self._line.refuse_all(_shutting_down())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(drain_s):
                await self._dispatcher.wait_until_empty()
        drained = not len(self._in_flight)
        self._dispatcher.fail_all(_shutting_down())
        await self._supervisor.stop(drain=drained)

    def submit(
        self, images: Sequence[GenerationParams], *, accepted: bool = False, **options: Unpack[JobOptions]
    ) -> LocalJob:
        submission = self._checked(images, options, ADMITTING_ACCEPTED if accepted else ADMITTING)
        prices_s, arrived_s = self._prices_s(images), self._clock()
        if accepted:
            return self._admit(submission, prices_s, arrived_s, accepted=True)
        return self._line.admit_now(
            submission.tenant, prices_s, lambda: self._admit(submission, prices_s, arrived_s, accepted=False)
        )

    async def submit_in_line(self, images: Sequence[GenerationParams], **options: Unpack[JobOptions]) -> LocalJob:
        submission = self._checked(images, options, ADMITTING)
        prices_s, arrived_s = self._prices_s(images), self._clock()
        return await self._line.admit_in_turn(
            submission.tenant,
            prices_s,
            lambda: self._admit(submission, prices_s, arrived_s, accepted=False),
            submission.deadline_s,
        )

    def _checked(
        self, images: Sequence[GenerationParams], options: JobOptions, admitting: Sequence[Phase]
    ) -> Submission:
        submission = Submission(images, **options)
        if self.phase not in admitting:
            raise self._unavailable()
        return submission

    def _prices_s(self, images: Sequence[GenerationParams]) -> list[float]:
        return [self._cost.price_s(params) for params in images]

    def _admit(
        self, submission: Submission, prices_s: Sequence[float], arrived_s: float, *, accepted: bool
    ) -> LocalJob:
        job = LocalJob(new_job_id(), max_buffered=self._config.max_buffered_events, on_cancel=self._cancel)
        submits = [
            messages.Submit(
                image_id=f"{job.id}.{index}",
                params=params,
                priority=submission.priority,
                tenant=submission.tenant,
                previews=submission.previews,
                deadline_s=submission.deadline_s,
            )
            for index, params in enumerate(submission.images)
        ]
        if not accepted and not self._queued():
            self._admission.speed.started(self._clock())
        self._in_flight.add_job(job, submits, prices_s, now_s=arrived_s, accepted=accepted)
        self._dispatcher.dispatch()
        return job

    def _cancel(self, job: LocalJob) -> None:
        self._dispatcher.cancel(job)
        self._line.advance()

    def _queued(self) -> list[QueuedImage]:
        """Returns the images that take room in the queue."""
        return [QueuedImage(image.submit.tenant, image.price_s) for image in self._in_flight if not image.job.accepted]

    def _cost_model(self, table: CostTable) -> CostModel:
        worker = self._config.worker
        return CostModel(table, max_rows=worker.max_rows, max_decode=worker.max_decode)

    def _unavailable(self) -> EngineUnavailableError:
        match self.phase:
            case Phase.LOADING | Phase.RESTARTING:
                return EngineUnavailableError("The model is being loaded.", retry_after_s=_RETRY_LOADING_S)
            case Phase.FAILED:
                return EngineUnavailableError("The model could not be loaded.")
            case _:
                return _shutting_down()

    def _receive(self, message: FromWorker) -> None:
        match message:
            case messages.Ready():
                self._model = message.model
                self._cost = self._cost_model(message.costs)
                self._dispatcher.dispatch()
            case messages.CallDone() | messages.DecodeDone() | messages.EncodeDone():
                self._learn(message)
            case messages.Loading() | messages.Unloadable() | messages.Beat() | messages.Busy():
                pass
            case _:
                self._dispatcher.apply(message)
        if isinstance(message, messages.Finished | messages.Failed | messages.Canceled):
            self._line.advance()
        if self._observe is not None:
            self._observe(message)

    def _learn(self, message: messages.CallDone | messages.DecodeDone | messages.EncodeDone) -> None:
        match message:
            case messages.CallDone(upcast=False):
                seconds = message.predict_s + message.advance_s
                self._cost.learn_call((message.width, message.height), message.rows, seconds)
            case messages.DecodeDone(upcast=False):
                self._cost.learn_decode((message.width, message.height), message.images, message.decode_s)
            case messages.EncodeDone():
                self._cost.learn_encode(message.texts, message.encode_s)
            case _:
                pass

    def _worker_crashed(self) -> None:
        self._dispatcher.worker_crashed()
        self._line.advance()

    def _worker_lost(self) -> None:
        error = WorkerLostError("The worker was lost, and no other can be started.")
        self._line.refuse_all(error)
        self._dispatcher.fail_all(error)


def _shutting_down() -> EngineUnavailableError:
    return EngineUnavailableError("The server is shutting down.", retry_after_s=_RETRY_LOADING_S)
