"""The Engine protocol: what the API and the job runner ask of an engine. It fixes no transport and no policy.

Runs in the server's process. `tests/service/engine/test_engine_contract.py` and `test_engine_lifecycle_contract.py`
hold every implementation to it.
"""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from pipelines.interface import ModelInfo, RgbImage
from pipelines.params import GenerationParams
from service.engine.types import Priority, Timings


class Phase(enum.StrEnum):
    """The engine's state. Only `serving` and `stalled` admit jobs."""

    LOADING = "loading"
    SERVING = "serving"
    STALLED = "stalled"
    """The worker is silent. Jobs are admitted and wait until it answers or is replaced."""
    RESTARTING = "restarting"
    DRAINING = "draining"
    FAILED = "failed"
    """No worker can be started. Only a restart of the server helps."""
    STOPPED = "stopped"


ADMITTING: Final = (Phase.SERVING, Phase.STALLED)
"""Phases in which `Engine.submit` admits jobs."""


@dataclass(frozen=True, slots=True)
class ImageStarted:
    index: int


@dataclass(frozen=True, slots=True)
class ImageProgress:
    index: int
    step: int
    """Steps done, 1 to `GenerationParams.steps`."""
    eta_s: float
    """Estimated seconds until the image is finished."""


@dataclass(frozen=True, slots=True)
class ImagePreview:
    index: int
    preview: int
    """0-based number of this preview."""
    step: int
    """Steps done when the preview was drawn."""
    rgb_image: RgbImage


@dataclass(frozen=True, slots=True)
class ImageFinished:
    index: int
    params: GenerationParams
    rgb_image: RgbImage
    timings: Timings


ImageEvent: TypeAlias = ImageStarted | ImageProgress | ImagePreview | ImageFinished
"""Something that happened to one image of a job. `index` is the image's position in the submitted sequence."""


class Job(Protocol):
    """One admitted job. Its images are scheduled separately and may finish in any order."""

    @property
    def id(self) -> str: ...

    def events(self) -> AsyncIterator[ImageEvent]:
        """Yields the job's events from its beginning and ends after its last image; for a single reader.

        Each image starts before it makes progress, and makes progress before it is finished. Its steps only grow. A
        slow reader loses progress and previews, never a finished image; but a job that is not read while others need
        the room for finished images ends with `ResultDiscardedError` in place of those that wait. Raises the job's
        `service.errors.DarkroomError` where an image failed, after the images that were finished, and `CanceledError`
        where the job was canceled.
        """

    async def result(self) -> list[ImageFinished]:
        """Returns all images in order of index. Raises as `events` does. Call either this or `events`, not both."""

    def cancel(self) -> None:
        """Cancels the job and frees its rows at the next UNet call.

        May be called in any state and more than once; a job that has ended keeps its outcome.
        """


class Engine(Protocol):
    """Admits jobs and generates their images; those of a job that nobody reads as long as there is room for them."""

    @property
    def phase(self) -> Phase: ...

    @property
    def model(self) -> ModelInfo:
        """The model that is served. Raises `EngineUnavailableError` before it is known."""

    @property
    def backlog_s(self) -> float:
        """Sum of the prices of all images that were admitted and have not ended, in device seconds."""

    def price_s(self, images: Sequence[GenerationParams]) -> float:
        """Estimates the device seconds that these images add to a busy device."""

    def submit(
        self,
        images: Sequence[GenerationParams],
        *,
        previews: int = 0,
        priority: Priority = Priority.INTERACTIVE,
        tenant: str = "",
        deadline_s: float | None = None,
    ) -> Job:
        """Admits all images as one job, or none of them.

        `previews` asks for that many previews of each image, spread evenly over its steps; an image with too few steps
        gets fewer. Tenants share the device equally, however much each of them submits. An image that cannot be
        finished within `deadline_s` seconds fails with `DeadlineExceededError` as soon as that is certain.

        Raises ValueError where there are no images, `previews` is negative, or `deadline_s` is not positive;
        `EngineUnavailableError` in a phase that does not admit jobs; `QueueFullError` or `QuotaExceededError` where too
        much work is queued, with the seconds after which to try again.
        """

    async def wait_for_phase(self, *phases: Phase) -> Phase:
        """Waits until the engine is in one of these phases and returns that phase."""

    async def start(self) -> None:
        """Starts the engine and returns at once; `phase` becomes `serving` when it is ready."""

    async def stop(self, drain_s: float = 0.0) -> None:
        """Stops the engine: refuses new jobs, waits at most `drain_s` seconds for the admitted ones, fails the rest
        with `EngineUnavailableError`, and ends the worker."""
