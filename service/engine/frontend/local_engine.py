"""LocalEngine: an engine with one worker process on this machine. Admits jobs, starts and stops.

Runs in the server's process. `dispatcher` moves images to the worker and results back, `supervisor` keeps the worker
alive, and the scheduler in the worker orders the work.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import sys
import time
from collections.abc import Callable, Sequence
from typing import Final

from pipelines.interface import ModelInfo
from pipelines.params import GenerationParams
from service.engine import messages
from service.engine.config import EngineConfig
from service.engine.costs.cost_model import CostModel, CostTable
from service.engine.frontend.admission import Admission
from service.engine.frontend.dispatcher import Dispatcher
from service.engine.frontend.inflight import InFlightImages
from service.engine.frontend.local_job import LocalJob, UnreadImages
from service.engine.frontend.supervisor import Supervisor
from service.engine.interface import ADMITTING, Phase
from service.engine.messages import FromWorker
from service.engine.types import Priority
from service.errors import EngineUnavailableError, WorkerLostError
from service.ids import new_job_id
from service.observability.logs import tolerant

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
        """`command` starts a worker; `observe` is called with each of its messages, for metrics; what it
        raises is logged."""
        self._config = config
        self._observe = None if observe is None else tolerant(observe)
        self._clock = clock
        self._in_flight = InFlightImages()
        self._admission = Admission(config, self._in_flight)
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
        self._unread = UnreadImages(config.max_unread_bytes)
        self._dispatcher = Dispatcher(self._in_flight, self._supervisor, self._admission.speed, self._unread, clock)

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
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(drain_s):
                await self._dispatcher.wait_until_empty()
        drained = not len(self._in_flight)
        self._dispatcher.fail_all(_shutting_down())
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
            raise ValueError("a job needs an image, previews >= 0 and deadline_s > 0")
        if self.phase not in ADMITTING:
            raise self._unavailable()
        prices_s = [self._cost.price_s(params) for params in images]
        self._admission.check(prices_s, tenant)
        job = LocalJob(
            new_job_id(),
            max_buffered=self._config.max_buffered_events,
            unread=self._unread,
            on_cancel=self._dispatcher.cancel,
            on_read=self._dispatcher.dispatch,
        )
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
        if not len(self._in_flight):
            self._admission.speed.started(now_s)
        self._in_flight.add_job(job, submits, prices_s, now_s=now_s)
        self._dispatcher.dispatch()
        return job

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

    def _worker_lost(self) -> None:
        self._dispatcher.fail_all(WorkerLostError("The worker was lost, and no other can be started."))


def _shutting_down() -> EngineUnavailableError:
    return EngineUnavailableError("The server is shutting down.", retry_after_s=_RETRY_LOADING_S)
