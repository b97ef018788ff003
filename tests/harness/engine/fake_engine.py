"""An engine inside the test's process: it counts its steps, fails, refuses and pauses on demand, and draws flat colors.

`test_engine_contract.py`, `test_engine_admission_contract.py` and `test_engine_lifecycle_contract.py` in
`tests/service/engine` hold it to the contract that the real engine keeps.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import Any, Unpack

from pipelines import work_plan
from pipelines.fake import INFO, prompt_lengths
from pipelines.interface import ModelInfo, RgbImage
from pipelines.params import GenerationParams
from service.engine.config import EngineConfig, WorkerConfig
from service.engine.frontend.admission import Admission, QueuedImage
from service.engine.frontend.waiting_line import WaitingLine
from service.engine.interface import (
    ADMITTING,
    ADMITTING_ACCEPTED,
    ImageEvent,
    ImageFinished,
    ImagePreview,
    ImageProgress,
    ImageStarted,
    JobOptions,
    ModelWish,
    Phase,
    ServedModel,
    Submission,
)
from service.engine.types import Timings
from service.errors import (
    CanceledError,
    DarkroomError,
    DeadlineExceededError,
    EngineUnavailableError,
    InvalidRequestError,
)
from tests.harness.served.drawing import draw
from tests.harness.served.fake_models import FakeModels

IMAGE_PRICE_S = 0.1
_SIDE_MULTIPLE = 8
_POLL_S = 0.005
"""Interval at which a paused job looks whether a test, in its own thread, has let it continue."""


class FakeJob:
    """Implements `interface.Job`. A task generates its images one after another and buffers all events."""

    def __init__(
        self, engine: FakeEngine, job_id: str, submission: Submission, arrived_s: float, *, accepted: bool
    ) -> None:
        self.id = job_id
        self.accepted = accepted
        self.images = submission.images
        self.previews = submission.previews
        self.priority = submission.priority
        self.tenant = submission.tenant
        self.deadline_s = submission.deadline_s
        self.canceled = False
        self.ended = False
        self.unfinished = len(self.images)
        self._engine = engine
        self._loop = asyncio.get_running_loop()
        self._give_up_at = arrived_s + (math.inf if self.deadline_s is None else self.deadline_s)
        self._events: deque[ImageEvent] = deque()
        self._error: Exception | None = None
        self._changed = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    def cancel(self) -> None:
        if not self.ended:
            self.canceled = True
            self.end(CanceledError("The job was canceled."))

    async def events(self) -> AsyncIterator[ImageEvent]:
        while self._events or not self.ended:
            if self._events:
                yield self._events.popleft()
            else:
                self._changed.clear()
                await self._changed.wait()
        if self._error is not None:
            raise self._error

    async def result(self) -> list[ImageFinished]:
        return [event async for event in self.events() if isinstance(event, ImageFinished)]

    async def wait(self) -> None:
        """Waits until the job has ended."""
        await asyncio.wait([self._task])

    def end(self, error: Exception | None = None) -> None:
        """Ends the job, wherever its task is."""
        if not self.ended:
            self.ended, self.unfinished, self._error = True, 0, error
            self._changed.set()
            self._task.cancel()
            self._engine.line.advance()

    async def _run(self) -> None:
        try:
            for index, params in enumerate(self.images):
                await self._generate(index, params)
        except Exception as error:  # noqa: BLE001 - a test may have the engine fail with any exception
            self.end(error)
        else:
            self.end()

    async def _generate(self, index: int, params: GenerationParams) -> None:
        if params.width % _SIDE_MULTIPLE or params.height % _SIDE_MULTIPLE:
            field = "width" if params.width % _SIDE_MULTIPLE else "height"
            raise InvalidRequestError(f"{field} must be a multiple of {_SIDE_MULTIPLE}.", field=field)
        self._publish(ImageStarted(index))
        previews = 0
        for step in range(1, params.steps + 1):
            self._check_deadline(params.steps - step + 1)
            while self._engine.held_before == (index, step):
                await asyncio.sleep(_POLL_S)
                self._check_deadline(params.steps - step + 1)
            await self._engine.step()
            self._publish(ImageProgress(index, step, float(params.steps - step)))
            is_due = step * (self.previews + 1) >= params.steps * (previews + 1)
            if is_due and previews < self.previews and step < params.steps:
                self._publish(ImagePreview(index, previews, step, RgbImage(2, 2, bytes(12))))
                previews += 1
        if self._engine.failure is not None:
            raise self._engine.failure
        self.unfinished -= 1
        lengths = prompt_lengths(work_plan.texts(INFO, params))
        self._publish(ImageFinished(index, params, draw(params), Timings(0.0, 0.0, 0.0, 0.0, 1.0), lengths))
        self._engine.line.advance()

    def _check_deadline(self, steps_left: int) -> None:
        if self._loop.time() + steps_left * self._engine.step_s > self._give_up_at:
            raise DeadlineExceededError("The image could not be finished by its deadline.")

    def _publish(self, event: ImageEvent) -> None:
        self._events.append(event)
        self._changed.set()


class FakeEngine:
    """Implements `interface.Engine` in one event loop. A test in another thread may set and read its attributes."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Makes the engine as good as new: it serves and has no jobs."""
        self.phase = self.phase_after_start = Phase.SERVING
        self._phase_changed = asyncio.Event()
        self.activity = ""
        self.image_s = IMAGE_PRICE_S  # Seconds that an image takes at least.
        self.served = FakeModels()
        self.jobs: list[FakeJob] = []
        self.bound(max_queued_images=1_000_000, max_queued_s=1e9)
        self.steps = 0
        self.step_s = 0.0
        self.held_before: tuple[int, int] | None = None  # Index and step of an image before which every job pauses.
        self.refusals: list[DarkroomError] = []  # Errors of the next submissions, in order.
        self.failure: Exception | None = None  # Error with which every image ends.

    def bound(self, **bounds: Any) -> None:
        """Sets the bounds of the queue, which are fields of `EngineConfig`; without this call there are none."""
        config = EngineConfig(worker=WorkerConfig(model="fake"), **bounds)
        self.line: WaitingLine[FakeJob] = WaitingLine(config, Admission(config, self._queued))

    def let_go(self) -> None:
        """Lets all running jobs end soon."""
        self.held_before, self.step_s = None, 0.0

    @property
    def running(self) -> int:
        """Number of jobs that have not ended."""
        return sum(not job.ended for job in self.jobs)

    @property
    def idle(self) -> bool:
        return not self.running

    @property
    def info(self) -> ModelInfo | None:
        return self.served.default

    @info.setter
    def info(self, info: ModelInfo | None) -> None:
        self.served.default = info

    @property
    def model(self) -> ModelInfo:
        return self.find_model("")

    @property
    def models(self) -> Sequence[ServedModel]:
        return self.served.listed()

    def find_model(self, name: str) -> ModelInfo:
        return self.served.find(name)

    def change_model(self, name: str, wish: ModelWish) -> None:
        self.served.change(name, wish)

    @property
    def backlog_s(self) -> float:
        return IMAGE_PRICE_S * sum(job.unfinished for job in self.jobs)

    def price_s(self, images: Sequence[GenerationParams]) -> float:
        return sum(_prices_s(images))

    def least_s(self, images: Sequence[GenerationParams]) -> float:
        return self.image_s * len(images)

    def submit(
        self, images: Sequence[GenerationParams], *, accepted: bool = False, **options: Unpack[JobOptions]
    ) -> FakeJob:
        submission = self._checked(images, options, accepted=accepted)
        arrived_s = asyncio.get_running_loop().time()
        if accepted:
            return self._admit(submission, arrived_s, accepted=True)
        return self.line.admit_now(submission.tenant, _prices_s(images), lambda: self._admit(submission, arrived_s))

    async def submit_in_line(self, images: Sequence[GenerationParams], **options: Unpack[JobOptions]) -> FakeJob:
        submission = self._checked(images, options)
        arrived_s = asyncio.get_running_loop().time()
        return await self.line.admit_in_turn(
            submission.tenant,
            _prices_s(images),
            lambda: self._admit(submission, arrived_s),
            submission.deadline_s,
        )

    def _checked(
        self, images: Sequence[GenerationParams], options: JobOptions, *, accepted: bool = False
    ) -> Submission:
        submission = Submission(images, **options)
        if self.phase not in (ADMITTING_ACCEPTED if accepted else ADMITTING):
            retry_after_s = None if self.phase is Phase.FAILED else 5.0
            raise EngineUnavailableError(f"The engine is {self.phase}.", retry_after_s=retry_after_s)
        if self.refusals:
            raise self.refusals.pop(0)
        for params in images:
            self.find_model(params.model)
        return submission

    def _admit(self, submission: Submission, arrived_s: float, *, accepted: bool = False) -> FakeJob:
        self.jobs.append(job := FakeJob(self, f"job_{len(self.jobs)}", submission, arrived_s, accepted=accepted))
        return job

    def _queued(self) -> list[QueuedImage]:
        """Returns the images that take room in the queue."""
        return [
            QueuedImage(job, job.tenant, IMAGE_PRICE_S)
            for job in self.jobs
            if not job.accepted
            for _ in range(job.unfinished)
        ]

    async def step(self) -> None:
        self.steps += 1
        await asyncio.sleep(self.step_s)

    async def wait_for_phase(self, *phases: Phase) -> Phase:
        while self.phase not in phases:
            self._phase_changed.clear()
            await self._phase_changed.wait()
        return self.phase

    async def start(self) -> None:
        if self.phase_after_start is Phase.SERVING:
            self.info = INFO
        self._enter(self.phase_after_start)

    async def stop(self, drain_s: float = 0.0) -> None:
        if self.phase is not Phase.FAILED:
            self._enter(Phase.DRAINING)
        stopping = EngineUnavailableError("The server is shutting down.", retry_after_s=5.0)
        self.line.refuse_all(stopping)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(drain_s):
                for job in self.jobs:
                    await job.wait()
        for job in self.jobs:
            job.end(stopping)
        self._enter(Phase.STOPPED)

    def _enter(self, phase: Phase) -> None:
        self.phase = phase
        self._phase_changed.set()


def _prices_s(images: Sequence[GenerationParams]) -> list[float]:
    return [IMAGE_PRICE_S] * len(images)
