"""A job of the fake engine: a task generates its images one after another and buffers all events."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from pipelines import work_plan
from pipelines.fake import INFO, prompt_lengths
from pipelines.interface import RgbImage
from pipelines.params import GenerationParams
from service.engine.interface import (
    ImageCheckpoint,
    ImageEvent,
    ImageFinished,
    ImagePreview,
    ImageProgress,
    ImageStarted,
    Submission,
)
from service.engine.types import Timings
from service.errors import (
    CanceledError,
    DeadlineExceededError,
    InvalidRequestError,
)
from tests.harness.engine.fake_drawing import draw

if TYPE_CHECKING:
    from tests.harness.engine.fake_engine import FakeEngine

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
        self.inputs = submission.inputs
        self.checkpoint_every = submission.checkpoint_every
        self.checkpoints = submission.checkpoints
        self._held = engine.held.hold(submission.inputs, submission.inputs)
        self.canceled = False
        self.ended = False
        self.unfinished = len(self.images)
        self.used_s = 0.0
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
            self._engine.held.release(self._held)
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
        while self._engine.holds_starts:  # noqa: ASYNC110 -- it is set by a test, which may be in another thread
            await asyncio.sleep(_POLL_S)
        self._publish(ImageStarted(index))
        previews, resumed = 0, self._resumed_step(index, params)
        if resumed:
            self._publish(ImageProgress(index, resumed, float(params.steps - resumed)))
        for step in range(resumed + 1, params.steps + 1):
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
            if self.checkpoint_every and not (step - resumed) % self.checkpoint_every and step < params.steps:
                self._publish(ImageCheckpoint(index, step, _checkpoint(params, step)))
        if self._engine.failure is not None:
            raise self._engine.failure
        self.unfinished -= 1
        self.used_s += self._engine.used_s
        lengths = prompt_lengths(work_plan.texts(INFO, params))
        self._publish(
            ImageFinished(index, params, draw(params, self.inputs), Timings(0.0, 0.0, 0.0, 0.0, 1.0), lengths)
        )
        self._engine.line.advance()

    def _resumed_step(self, index: int, params: GenerationParams) -> int:
        """Returns the step at which the image goes on: 0 without a checkpoint of this image."""
        given = self.checkpoints.get(index)
        return next((step for step in range(1, params.steps) if _checkpoint(params, step) == given), 0)

    def _check_deadline(self, steps_left: int) -> None:
        if self._loop.time() + steps_left * self._engine.step_s > self._give_up_at:
            raise DeadlineExceededError("The image could not be finished by its deadline.")

    def _publish(self, event: ImageEvent) -> None:
        self._events.append(event)
        self._changed.set()


def _checkpoint(params: GenerationParams, step: int) -> bytes:
    return f"{params} at {step}".encode()
