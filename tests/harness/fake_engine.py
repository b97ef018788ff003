"""An engine in the test's own process: counts its steps, fails and refuses on demand, draws flat colours."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator, Sequence

from pipelines.fake import INFO
from pipelines.interface import ModelInfo, RgbImage
from pipelines.params import GenerationParams
from service.engine.interface import (
    ImageFinished,
    ImagePreview,
    ImageProgress,
    ImageStarted,
    JobEvent,
    Phase,
)
from service.engine.types import Priority, Timings
from service.errors import CanceledError, DarkroomError, EngineUnavailableError

UNENCODABLE = "unencodable"
_LOOK_S = 0.005
"""Between two looks at what another thread may set."""


def draw(params: GenerationParams) -> RgbImage:
    """The whole image in one colour, which prompt and seed decide.

    For the prompt "noise" it is what does not compress, for `UNENCODABLE` too few pixels.
    """
    if params.prompt == UNENCODABLE:
        return RgbImage(params.width, params.height, b"")
    if params.prompt == "noise":
        return RgbImage(
            params.width, params.height, random.Random(params.seed).randbytes(3 * params.width * params.height)
        )
    colour = hashlib.sha256(f"{params.prompt}/{params.seed}".encode()).digest()[:3]
    return RgbImage(params.width, params.height, colour * (params.width * params.height))


class FakeJob:
    """Implements `interface.Job`; its images are made one after another while somebody reads."""

    def __init__(self, engine: FakeEngine, job_id: str, images: Sequence[GenerationParams], previews: int) -> None:
        self.id = job_id
        self.images = images
        self.previews = previews
        self.canceled = False
        self.priority = Priority.INTERACTIVE
        self.tenant = ""
        self.deadline_s: float | None = None
        self._engine = engine

    def cancel(self) -> None:
        self.canceled = True

    async def result(self) -> list[ImageFinished]:
        return [event async for event in self.events() if isinstance(event, ImageFinished)]

    async def events(self) -> AsyncIterator[JobEvent]:
        self._engine.reading += 1
        try:
            async for event in self._make():
                yield event
        finally:
            self._engine.reading -= 1

    async def _make(self) -> AsyncIterator[JobEvent]:
        for index, params in enumerate(self.images):
            yield ImageStarted(index)
            for step in range(1, params.steps + 1):
                while self._engine.held_before == (index, step) and not self.canceled:  # noqa: ASYNC110
                    await asyncio.sleep(_LOOK_S)
                await self._engine.step()
                if self.canceled:
                    raise CanceledError("The job was canceled.")
                yield ImageProgress(index, step, params.steps, float(params.steps - step))
                if step <= self.previews:
                    yield ImagePreview(index, step - 1, step, RgbImage(2, 2, bytes(12)))
            if self._engine.failure is not None:
                raise self._engine.failure
            yield ImageFinished(index, params, draw(params), Timings(0.0, 0.0, 0.0, 0.0, 1.0))


class FakeEngine:
    """Implements `interface.Engine`."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.phase = self.phase_after_start = Phase.SERVING
        self._phase_changed = asyncio.Event()
        self.info: ModelInfo | None = INFO
        self.jobs: list[FakeJob] = []
        self.steps = 0
        self.reading = 0
        self.step_s = 0.0
        self.held_before: tuple[int, int] | None = None
        """An image's index and its step before which every job waits until a test, in its thread, says otherwise."""
        self.refusals: list[DarkroomError] = []
        """Raised by the next submissions, first one first."""
        self.failure: Exception | None = None
        """What every image ends in."""

    def let_go(self) -> None:
        """Have whatever is under way end soon."""
        self.held_before, self.step_s = None, 0.0

    @property
    def model(self) -> ModelInfo:
        if self.info is None:
            raise EngineUnavailableError("The model is being loaded.", retry_after_s=5.0)
        return self.info

    def price_s(self, images: Sequence[GenerationParams]) -> float:
        return 0.1 * len(images)

    def submit(
        self,
        images: Sequence[GenerationParams],
        *,
        previews: int = 0,
        priority: Priority = Priority.INTERACTIVE,
        tenant: str = "",
        deadline_s: float | None = None,
    ) -> FakeJob:
        if self.refusals:
            raise self.refusals.pop(0)
        job = FakeJob(self, f"job_{len(self.jobs)}", images, previews)
        job.priority, job.tenant, job.deadline_s = priority, tenant, deadline_s
        self.jobs.append(job)
        return job

    @property
    def backlog_s(self) -> float:
        return 12.5

    @property
    def idle(self) -> bool:
        """Whether no job is being made."""
        return self.reading == 0

    async def step(self) -> None:
        self.steps += 1
        await asyncio.sleep(self.step_s)

    async def wait_for_phase(self, *phases: Phase) -> Phase:
        while self.phase not in phases:
            self._phase_changed.clear()
            await self._phase_changed.wait()
        return self.phase

    async def start(self) -> None:
        self.phase = self.phase_after_start
        self._phase_changed.set()

    async def stop(self, drain_s: float = 0.0) -> None:
        self.phase = Phase.STOPPED
        self._phase_changed.set()
