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
import math
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from pipelines.interface import ModelInfo
from pipelines.params import GenerationParams
from service.engine import messages
from service.engine.config import EngineConfig, WorkerConfig
from service.engine.frontend.admission import Admission
from service.engine.frontend.device_worker import DeviceWorker
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

Observe: TypeAlias = Callable[[FromWorker, int], object]
"""Called with each message of a worker and the worker's index, for metrics."""

_RETRY_LOADING_S: Final = 5.0
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
        self._in_flight = InFlightImages()
        self._admission = Admission(config, self._in_flight)
        self._model: ModelInfo | None = None
        self._draining = False
        self._phase_changed = asyncio.Event()
        self._supervisors = [self._supervisor(index, worker, command) for index, worker in enumerate(config.workers)]
        self._workers = [
            DeviceWorker(index, supervisor, worker)
            for index, (supervisor, worker) in enumerate(zip(self._supervisors, config.workers, strict=True))
        ]
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
    def model(self) -> ModelInfo:
        if self._model is None:
            raise self._unavailable()
        return self._model

    @property
    def backlog_s(self) -> float:
        return sum(image.price_s for image in self._in_flight)

    def price_s(self, images: Sequence[GenerationParams]) -> float:
        return sum(map(self._image_price_s, images))

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
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(drain_s):
                await self._dispatcher.wait_until_empty()
        drained = not len(self._in_flight)
        self._dispatcher.fail_all(_shutting_down())
        await asyncio.gather(*(supervisor.stop(drain=drained) for supervisor in self._supervisors))

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
        prices_s = [self._image_price_s(params) for params in images]
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

    def _image_price_s(self, params: GenerationParams) -> float:
        """Returns the mean of the image's prices on the devices that serve or have served."""
        workers = [worker for worker in self._workers if worker.ready] or self._workers
        return statistics.fmean(worker.cost.price_s(params) for worker in workers)

    def _unavailable(self) -> EngineUnavailableError:
        match self.phase:
            case Phase.LOADING | Phase.RESTARTING:
                return EngineUnavailableError("The model is being loaded.", retry_after_s=_RETRY_LOADING_S)
            case Phase.FAILED:
                return EngineUnavailableError("The model could not be loaded.")
            case _:
                return _shutting_down()

    def _receive(self, index: int, message: FromWorker) -> None:
        match message:
            case messages.Ready():
                # All workers load the same model, so the first one tells of all.
                self._model = self._model or message.model
                self._workers[index].reset_costs(message.costs)
                _log.info("worker %d serves on %s", index, message.model.device)
                self._dispatcher.dispatch()
            case messages.CallDone() | messages.DecodeDone() | messages.EncodeDone():
                self._workers[index].learn(message)
            case messages.Loading() | messages.Unloadable() | messages.Beat() | messages.Busy():
                pass
            case _:
                self._dispatcher.apply(message)
        if self._observe is not None:
            self._observe(message, index)

    def _worker_crashed(self, index: int, called: frozenset[str]) -> None:
        self._dispatcher.worker_died(self._workers[index], called)

    def _worker_lost(self, index: int) -> None:
        """Ends every job where no worker is left; otherwise the other workers take over the images of this one."""
        if self.failure is not None:
            self._dispatcher.fail_all(WorkerLostError("The worker was lost, and no other can be started."))
            return
        _log.error("device %s is given up: %s", self._config.workers[index].device, self._supervisors[index].failure)
        self._dispatcher.worker_died(self._workers[index], frozenset())


def _shutting_down() -> EngineUnavailableError:
    return EngineUnavailableError("The server is shutting down.", retry_after_s=_RETRY_LOADING_S)
