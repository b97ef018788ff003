"""LocalEngine: the engine of one worker process on this machine. Admits jobs, and brings them what the worker tells.

It orders nothing, as the worker's scheduler does that; how the worker is kept alive is `supervisor`'s.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import sys
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from pipelines.interface import ModelInfo, Raster
from pipelines.params import GenerationParams
from service.engine import cost, events
from service.engine.config import EngineConfig
from service.engine.cost import Speed
from service.engine.events import FromWorker
from service.engine.handle import LocalJob, new_job_id
from service.engine.interface import Phase, PictureFinished, PicturePreview, PictureProgress, PictureStarted
from service.engine.ledger import Ledger, Ticket
from service.engine.supervisor import Supervisor
from service.errors import (
    CanceledError,
    DarkroomError,
    EngineUnavailableError,
    GenerationFailedError,
    InvalidRequestError,
    NonFiniteResultError,
    OutOfMemoryError,
    PoisonedError,
    QueueFullError,
    WorkerLostError,
)

PictureMessage: TypeAlias = (
    events.Started | events.Progress | events.Preview | events.Finished | events.Failed | events.Canceled
)

WORKER_COMMAND: Final = (sys.executable, "-m", "service.engine.worker_main")

_RETRY_LOADING_S: Final = 5.0
_MIN_RETRY_S: Final = 1.0
_MAX_RETRY_S: Final = 120.0
"""Clients ignore a longer Retry-After."""
_FAILURES: Final = {
    error.code: error for error in (GenerationFailedError, InvalidRequestError, NonFiniteResultError, OutOfMemoryError)
}
"""What a worker's `Failed` may name."""


class LocalEngine:
    """Implements `interface.Engine`. All methods belong to one event loop.

    Where one picture of a job fails, those that the worker has not begun are canceled, those that it has are finished
    and delivered, and then the job raises the first picture's error.
    """

    def __init__(
        self,
        config: EngineConfig,
        *,
        command: Sequence[str] = WORKER_COMMAND,
        observe: Callable[[FromWorker], object] | None = None,
    ) -> None:
        """`command` runs a worker; `observe` is called with every message of it, for metrics."""
        self._config = config
        self._observe = observe
        self._ledger = Ledger()
        self._speed = Speed()
        self._model: ModelInfo | None = None
        self._drained = asyncio.Event()
        self._draining = False
        self._supervisor = Supervisor(
            config,
            command,
            on_message=self._receive,
            on_death=self._worker_died,
            on_failure=lambda: self._fail_all(WorkerLostError("The worker was lost, and no other can be started.")),
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

    async def start(self) -> None:
        self._supervisor.start()

    async def stop(self, drain_s: float = 0.0) -> None:
        self._draining = True
        if len(self._ledger):
            self._drained.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(drain_s):
                    await self._drained.wait()
        drained = not len(self._ledger)
        self._fail_all(EngineUnavailableError("The server is shutting down.", retry_after_s=_RETRY_LOADING_S))
        await self._supervisor.stop(drain=drained)

    def submit(self, pictures: Sequence[GenerationParams], *, previews: int = 0, priority: float = 1.0) -> LocalJob:
        if not pictures or previews < 0 or not 0 < priority < math.inf:
            raise ValueError("a job has pictures, no negative number of previews, and a finite positive priority")
        if self.phase is not Phase.SERVING:
            raise self._unavailable()
        self._check_room(pictures)
        job = LocalJob(new_job_id(), max_buffered=self._config.max_buffered_events, on_cancel=self._cancel)
        self._ledger.open(
            job,
            [
                events.Submit(picture_id=f"{job.id}.{index}", params=params, priority=priority, previews=previews)
                for index, params in enumerate(pictures)
            ],
        )
        self._dispatch()
        return job

    def _check_room(self, pictures: Sequence[GenerationParams]) -> None:
        """Raises `QueueFullError`. An empty engine takes a job of any size: refused, it would be for ever."""
        if not len(self._ledger):
            return
        row_calls = self._ledger.row_calls + sum(map(cost.row_calls, pictures))
        excess = max(
            1 - self._config.max_queued_pictures / (len(self._ledger) + len(pictures)),
            1 - self._config.max_queued_row_calls / row_calls,
        )
        if excess > 0:
            backlog_s = sum(self._speed.solo_s(ticket.submit.params) for ticket in self._ledger)
            retry_after_s = min(max(excess * backlog_s, _MIN_RETRY_S), _MAX_RETRY_S)
            raise QueueFullError("Too many pictures wait already.", retry_after_s=math.ceil(retry_after_s))

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
        if self._supervisor.phase is Phase.SERVING:
            for ticket in self._ledger.take_unsent():
                self._supervisor.send(ticket.submit)

    def _receive(self, message: FromWorker) -> None:
        match message:
            case events.Ready():
                self._model = message.model
                self._dispatch()
            case events.CallDone():
                seconds = message.predict_s + message.advance_s
                self._speed.record(width=message.width, height=message.height, rows=message.rows, seconds=seconds)
            case events.Loading() | events.Unloadable() | events.Beat():
                pass
            case _:
                ticket = self._ledger.get(message.picture_id)
                if ticket is not None:
                    self._deliver(ticket, message)
        if self._observe is not None:
            self._observe(message)

    def _deliver(self, ticket: Ticket, message: PictureMessage) -> None:
        """Bring a picture's news to its job's caller."""
        job, index = ticket.work.job, ticket.index
        match message:
            case events.Started():
                ticket.started = True
                if not ticket.announced:
                    ticket.announced = True
                    job.publish(PictureStarted(index))
            case events.Progress():
                job.publish(PictureProgress(index, message.step, message.steps))
            case events.Preview():
                if message.index == ticket.previews:  # A picture made again shows none twice.
                    ticket.previews += 1
                    raster = Raster(message.width, message.height, message.pixels)
                    job.publish(PicturePreview(index, message.index, message.step, raster))
            case events.Finished():
                raster = Raster(message.width, message.height, message.pixels)
                job.publish(PictureFinished(index, ticket.submit.params, raster, message.timings))
                self._close(ticket)
            case events.Failed():
                error = _FAILURES.get(message.code, GenerationFailedError)
                self._fail(ticket, error(message.message, field=message.field))
            case events.Canceled():
                self._close(ticket)
        if ticket.closed:
            self._dispatch()

    def _cancel(self, job: LocalJob) -> None:
        job.close(CanceledError("The job was canceled."))
        self._withdraw(self._ledger.of(job))
        self._dispatch()

    def _withdraw(self, tickets: Sequence[Ticket]) -> None:
        """What the worker has stays open until it answers: its price is still being paid."""
        for ticket in tickets:
            if ticket.sent:
                self._supervisor.send(events.Cancel(ticket.submit.picture_id))
            else:
                self._close(ticket)

    def _fail(self, ticket: Ticket, error: DarkroomError) -> None:
        work = ticket.work
        if work.error is None:
            work.error = error
            self._withdraw([other for other in self._ledger.of(work.job) if not other.started and other is not ticket])
        self._close(ticket)

    def _fail_all(self, error: DarkroomError) -> None:
        for ticket in self._ledger:
            ticket.work.job.close(error)
            self._close(ticket)

    def _close(self, ticket: Ticket) -> None:
        if self._ledger.close(ticket):
            ticket.work.job.close(ticket.work.error)
        if not len(self._ledger):
            self._drained.set()

    def _worker_died(self) -> None:
        for ticket in self._ledger.worker_died():
            self._fail(ticket, PoisonedError("The picture ended the worker twice."))
        for ticket in self._ledger:
            if ticket.work.job.closed:
                self._close(ticket)  # It was canceled, and nobody is left to say so.
