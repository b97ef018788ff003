"""An engine inside the test's process: it counts its steps, fails, refuses and pauses on demand, and draws flat colors.

`test_engine_contract.py`, `test_engine_admission_contract.py` and `test_engine_lifecycle_contract.py` in
`tests/service/engine` hold it to the contract that the real engine keeps.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any, Unpack

from pipelines.fake import INFO
from pipelines.model_info import ModelInfo
from pipelines.params import GenerationParams
from service.engine.config import EngineConfig, WorkerConfig
from service.engine.frontend.admission import Admission
from service.engine.frontend.inputs.held_pixels import HeldPixels
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
from service.errors import (
    DarkroomError,
    EngineUnavailableError,
)
from tests.harness.engine.scanned_work import QueuedImage, ScannedWork
from tests.harness.served.fake_job import FakeJob
from tests.harness.served.fake_models import FakeModels

IMAGE_PRICE_S = 0.1


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
        self.used_s = IMAGE_PRICE_S  # Device seconds that each image turns out to have used.
        self.step_s = 0.0
        self.held_before: tuple[int, int] | None = None  # Index and step of an image before which every job pauses.
        self.holds_starts = False  # Whether jobs pause before they begin an image.
        self.refusals: list[DarkroomError] = []  # Errors of the next submissions, in order.
        self.failure: Exception | None = None  # Error with which every image ends.

    def bound(self, **bounds: Any) -> None:
        """Sets the bounds of the queue, which are fields of `EngineConfig`; without this call there are none."""
        config = EngineConfig(worker=WorkerConfig(model="fake"), **bounds)
        self.line: WaitingLine[FakeJob] = WaitingLine(config, Admission(config, ScannedWork(self._queued)))
        self.held = HeldPixels(config.max_input_bytes)

    def let_go(self) -> None:
        """Lets all running jobs end soon."""
        self.held_before, self.holds_starts, self.step_s = None, False, 0.0

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
        if not accepted:
            self.held.check_room(submission.inputs)
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
