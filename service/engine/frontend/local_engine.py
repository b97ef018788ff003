"""LocalEngine: the engine of one worker process on this machine. Admits jobs, and brings them what the worker tells.

It orders nothing, as the worker's scheduler does that; how the worker is kept alive is `supervisor`'s.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import sys
import time
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from pipelines.interface import ModelInfo, RgbImage
from pipelines.params import GenerationParams
from service.engine import messages
from service.engine.config import EngineConfig
from service.engine.costs.cost_model import CostModel, CostTable
from service.engine.frontend.admission import Admission
from service.engine.frontend.inflight import InFlightImage, InFlightWork
from service.engine.frontend.local_job import LocalJob
from service.engine.frontend.supervisor import Supervisor
from service.engine.interface import ADMITTING, ImageFinished, ImagePreview, ImageProgress, ImageStarted, Phase
from service.engine.messages import FromWorker
from service.engine.types import Priority
from service.errors import (
    CanceledError,
    DarkroomError,
    DeadlineExceededError,
    EngineUnavailableError,
    GenerationFailedError,
    InvalidRequestError,
    NonFiniteResultError,
    OutOfMemoryError,
    PoisonedError,
    WorkerLostError,
)
from service.ids import new_job_id

ImageMessage: TypeAlias = (
    messages.Started | messages.Progress | messages.Preview | messages.Finished | messages.Failed | messages.Canceled
)

WORKER_COMMAND: Final = (sys.executable, "-m", "service.engine.worker")

_RETRY_LOADING_S: Final = 5.0
_FAILURES: Final = {
    error.code: error
    for error in (
        DeadlineExceededError,
        GenerationFailedError,
        InvalidRequestError,
        NonFiniteResultError,
        OutOfMemoryError,
    )
}
"""What a worker's `Failed` may name."""


class LocalEngine:
    """Implements `interface.Engine`. All methods belong to one event loop.

    Where one image of a job fails, those that the worker has not begun are canceled, those that it has are finished
    and delivered, and then the job raises the first image's error.
    """

    def __init__(
        self,
        config: EngineConfig,
        *,
        command: Sequence[str] = WORKER_COMMAND,
        observe: Callable[[FromWorker], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`command` runs a worker; `observe` is called with every message of it, for metrics."""
        self._config = config
        self._observe = observe
        self._ledger = InFlightWork()
        self._admission = Admission(config, self._ledger)
        self._cost = self._model_costs(CostTable())
        self._clock = clock
        self._phase_changed = asyncio.Event()
        self._model: ModelInfo | None = None
        self._drained = asyncio.Event()
        self._draining = False
        self._supervisor = Supervisor(
            config,
            command,
            on_message=self._receive,
            on_death=self._worker_died,
            on_failure=lambda: self._fail_all(WorkerLostError("The worker was lost, and no other can be started.")),
            on_phase=self._phase_changed.set,
        )

    @property
    def phase(self) -> Phase:
        """Draining outlasts what happens to the worker meanwhile."""
        phase = self._supervisor.phase
        return Phase.DRAINING if self._draining and phase not in (Phase.FAILED, Phase.STOPPED) else phase

    @property
    def failure(self) -> str | None:
        """Why the phase is `failed`, for the person who started the server."""
        return self._supervisor.failure

    @property
    def model(self) -> ModelInfo:
        if self._model is None:
            raise self._unavailable()
        return self._model

    @property
    def backlog_s(self) -> float:
        return sum(ticket.price_s for ticket in self._ledger)

    def price_s(self, images: Sequence[GenerationParams]) -> float:
        return sum(self._cost.price_s(params) for params in images)

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
        if len(self._ledger):
            self._drained.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(drain_s):
                    await self._drained.wait()
        drained = not len(self._ledger)
        self._fail_all(EngineUnavailableError("The server is shutting down.", retry_after_s=_RETRY_LOADING_S))
        await self._supervisor.stop(drain=drained)

    def submit(
        self,
        images: Sequence[GenerationParams],
        *,
        previews: int = 0,
        priority: Priority = Priority.INTERACTIVE,
        tenant: str = "",
        deadline_s: float | None = None,
    ) -> LocalJob:
        if not images or previews < 0 or not (math.inf if deadline_s is None else deadline_s) > 0:
            raise ValueError("a job has images, no negative number of previews, and time until its deadline")
        if self.phase not in ADMITTING:
            raise self._unavailable()
        prices_s = [self._cost.price_s(params) for params in images]
        self._admission.check(prices_s, tenant)
        job = LocalJob(new_job_id(), max_buffered=self._config.max_buffered_events, on_cancel=self._cancel)
        submits = [
            messages.Submit(
                image_id=f"{job.id}.{index}",
                params=params,
                priority=priority,
                tenant=tenant,
                previews=previews,
                deadline_s=deadline_s,
            )
            for index, params in enumerate(images)
        ]
        now_s = self._clock()
        if not len(self._ledger):
            self._admission.speed.started(now_s)
        self._ledger.open(job, submits, prices_s, now_s=now_s)
        self._dispatch()
        return job

    def _model_costs(self, table: CostTable) -> CostModel:
        worker = self._config.worker
        return CostModel(table, max_rows=worker.max_rows, max_decode=worker.max_decode)

    def _unavailable(self) -> EngineUnavailableError:
        match self.phase:
            case Phase.LOADING | Phase.RESTARTING:
                return EngineUnavailableError("The model is being loaded.", retry_after_s=_RETRY_LOADING_S)
            case Phase.FAILED:
                return EngineUnavailableError("The model could not be loaded.")
            case _:
                return EngineUnavailableError("The server is shutting down.", retry_after_s=_RETRY_LOADING_S)

    def _dispatch(self) -> None:
        """Give the worker what it may have now."""
        if self._supervisor.phase in ADMITTING:
            for ticket in self._ledger.take_unsent():
                self._supervisor.send(ticket.submitted(self._clock()))

    def _receive(self, message: FromWorker) -> None:
        match message:
            case messages.Ready():
                self._model = message.model
                self._cost = self._model_costs(message.costs)
                self._dispatch()
            case messages.CallDone(upcast=False):
                seconds = message.predict_s + message.advance_s
                self._cost.learn_call((message.width, message.height), message.rows, seconds)
            case messages.DecodeDone(upcast=False):
                self._cost.learn_decode((message.width, message.height), message.images, message.decode_s)
            case messages.EncodeDone():
                self._cost.learn_encode(message.texts, message.encode_s)
            case (
                messages.Started()
                | messages.Progress()
                | messages.Preview()
                | messages.Finished()
                | messages.Failed()
                | messages.Canceled()
            ):
                ticket = self._ledger.get(message.image_id)
                if ticket is not None:
                    self._deliver(ticket, message)
            case _:
                pass
        if self._observe is not None:
            self._observe(message)

    def _deliver(self, ticket: InFlightImage, message: ImageMessage) -> None:
        """Bring an image's news to its job's caller."""
        job, index = ticket.work.job, ticket.index
        match message:
            case messages.Started():
                ticket.started = True
                if not ticket.announced:
                    ticket.announced = True
                    job.publish(ImageStarted(index))
            case messages.Progress():
                job.publish(ImageProgress(index, message.step, message.steps, message.eta_s))
            case messages.Preview():
                if message.index == ticket.previews:  # An image made again shows none twice.
                    ticket.previews += 1
                    rgb_image = RgbImage(message.width, message.height, message.pixels)
                    job.publish(ImagePreview(index, message.index, message.step, rgb_image))
            case messages.Finished():
                rgb_image = RgbImage(message.width, message.height, message.pixels)
                job.publish(ImageFinished(index, ticket.submit.params, rgb_image, message.timings))
                self._admission.speed.finished(ticket.price_s, self._clock())
                self._close(ticket)
            case messages.Failed():
                error = _FAILURES.get(message.code, GenerationFailedError)
                self._fail(ticket, error(message.message, field=message.field))
            case messages.Canceled():
                self._close(ticket)
        if ticket.closed:
            self._dispatch()

    def _cancel(self, job: LocalJob) -> None:
        job.close(CanceledError("The job was canceled."))
        self._withdraw(self._ledger.of(job))
        self._dispatch()

    def _withdraw(self, tickets: Sequence[InFlightImage]) -> None:
        """What the worker has stays open until it answers: its price is still being paid."""
        for ticket in tickets:
            if ticket.sent:
                self._supervisor.send(messages.Cancel(ticket.submit.image_id))
            else:
                self._close(ticket)

    def _fail(self, ticket: InFlightImage, error: DarkroomError) -> None:
        work = ticket.work
        if work.error is None:
            work.error = error
            self._withdraw([other for other in self._ledger.of(work.job) if not other.started and other is not ticket])
        self._close(ticket)

    def _fail_all(self, error: DarkroomError) -> None:
        for ticket in self._ledger:
            ticket.work.job.close(error)
            self._close(ticket)

    def _close(self, ticket: InFlightImage) -> None:
        if self._ledger.close(ticket):
            ticket.work.job.close(ticket.work.error)
        if not len(self._ledger):
            self._drained.set()

    def _worker_died(self) -> None:
        for ticket in self._ledger.worker_died():
            self._fail(ticket, PoisonedError("The image ended the worker twice."))
        for ticket in self._ledger:
            if ticket.work.job.closed:
                self._close(ticket)  # It was canceled, and nobody is left to say so.
