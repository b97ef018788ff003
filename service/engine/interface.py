"""The Engine protocol: what the API side asks of an engine, in this process or elsewhere. No transport, no policy."""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from pipelines.interface import ModelInfo, Raster
from pipelines.params import GenerationParams
from service.engine.events import Timings


class Phase(enum.StrEnum):
    """What the engine is doing; only `serving` admits jobs."""

    LOADING = "loading"
    SERVING = "serving"
    RESTARTING = "restarting"
    DRAINING = "draining"
    FAILED = "failed"
    """The model cannot be loaded; nothing but a new start will help."""
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class PictureStarted:
    index: int


@dataclass(frozen=True, slots=True)
class PictureProgress:
    index: int
    step: int
    steps: int


@dataclass(frozen=True, slots=True)
class PicturePreview:
    index: int
    preview: int
    """0-based number of this preview."""
    step: int
    raster: Raster


@dataclass(frozen=True, slots=True)
class PictureFinished:
    index: int
    params: GenerationParams
    raster: Raster
    timings: Timings


JobEvent: TypeAlias = PictureStarted | PictureProgress | PicturePreview | PictureFinished


class Job(Protocol):
    """One accepted piece of work: its pictures are scheduled each on its own."""

    @property
    def id(self) -> str: ...

    def events(self) -> AsyncIterator[JobEvent]:
        """What happens, in order, from the beginning; ends after the last picture.

        One reader. A slow reader loses progress and previews, never a finished picture. Raises the job's
        `service.errors.DarkroomError` where it failed (finished pictures come first) or was canceled.
        """

    async def result(self) -> list[PictureFinished]:
        """All pictures in order of index; raises as `events` does. Instead of `events`, not beside it."""

    def cancel(self) -> None:
        """Free its rows at the next call. Any number of times, in any state."""


class Engine(Protocol):
    """Admits jobs and makes their pictures."""

    @property
    def phase(self) -> Phase: ...

    @property
    def model(self) -> ModelInfo:
        """The model served; raises `EngineUnavailableError` before it is known."""

    def submit(self, pictures: Sequence[GenerationParams], *, previews: int = 0, priority: float = 1.0) -> Job:
        """Admit all pictures as one job, or none.

        Raises `QueueFullError` (with the seconds after which to try again) or `EngineUnavailableError`.
        """

    async def start(self) -> None:
        """Start the worker; returns at once. `phase` tells when it serves."""

    async def stop(self, drain_s: float = 0.0) -> None:
        """Refuse new jobs, let the admitted ones finish for at most `drain_s` seconds, then end the worker."""
