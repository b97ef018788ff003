"""The Engine protocol: what the API side asks of an engine, in this process or elsewhere. No transport, no policy."""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from pipelines.interface import ModelInfo, RgbImage
from pipelines.params import GenerationParams
from service.engine.types import Priority, Timings


class Phase(enum.StrEnum):
    """What the engine is doing; only `serving` and `stalled` admit jobs."""

    LOADING = "loading"
    SERVING = "serving"
    STALLED = "stalled"
    """Nothing is heard of the worker, which will be heard again or replaced; jobs wait for either."""
    RESTARTING = "restarting"
    DRAINING = "draining"
    FAILED = "failed"
    """The model cannot be loaded; nothing but a new start will help."""
    STOPPED = "stopped"


ADMITTING: Final = (Phase.SERVING, Phase.STALLED)


@dataclass(frozen=True, slots=True)
class ImageStarted:
    index: int


@dataclass(frozen=True, slots=True)
class ImageProgress:
    index: int
    step: int
    steps: int
    eta_s: float
    """Seconds until the image should be finished, as far as is known now."""


@dataclass(frozen=True, slots=True)
class ImagePreview:
    index: int
    preview: int
    """0-based number of this preview."""
    step: int
    rgb_image: RgbImage


@dataclass(frozen=True, slots=True)
class ImageFinished:
    index: int
    params: GenerationParams
    rgb_image: RgbImage
    timings: Timings


JobEvent: TypeAlias = ImageStarted | ImageProgress | ImagePreview | ImageFinished


class Job(Protocol):
    """One accepted piece of work: its images are scheduled each on its own."""

    @property
    def id(self) -> str: ...

    def events(self) -> AsyncIterator[JobEvent]:
        """What happens, in order, from the beginning; ends after the last image.

        One reader. A slow reader loses progress and previews, never a finished image. Raises the job's
        `service.errors.DarkroomError` where it failed (finished images come first) or was canceled.
        """

    async def result(self) -> list[ImageFinished]:
        """All images in order of index; raises as `events` does. Instead of `events`, not beside it."""

    def cancel(self) -> None:
        """Free its rows at the next call. Any number of times, in any state."""


class Engine(Protocol):
    """Admits jobs and makes their images."""

    @property
    def phase(self) -> Phase: ...

    @property
    def model(self) -> ModelInfo:
        """The model served; raises `EngineUnavailableError` before it is known."""

    @property
    def backlog_s(self) -> float:
        """Price of all that was admitted and has not ended, in seconds of the device."""

    def price_s(self, images: Sequence[GenerationParams]) -> float:
        """Seconds of the device that they are judged to take, beside others."""

    def submit(
        self,
        images: Sequence[GenerationParams],
        *,
        previews: int = 0,
        priority: Priority = Priority.INTERACTIVE,
        tenant: str = "",
        deadline_s: float | None = None,
    ) -> Job:
        """Admit all images as one job, or none. Tenants share the device equally, whatever each submits.

        What cannot be finished within `deadline_s` seconds fails with `DeadlineExceededError` as soon as that is clear.
        Raises `QuotaExceededError` or `QueueFullError` (with the seconds after which to try again) or
        `EngineUnavailableError`.
        """

    async def wait_for_phase(self, *phases: Phase) -> Phase:
        """Until the engine is in one of these phases; which one."""

    async def start(self) -> None:
        """Start the worker; returns at once. `phase` tells when it serves."""

    async def stop(self, drain_s: float = 0.0) -> None:
        """Refuse new jobs, let the admitted ones finish for at most `drain_s` seconds, then end the worker."""
