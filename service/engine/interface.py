"""The Engine protocol, which the API and the job runner use. It fixes no transport and no policy.

Runs in the server's process. `test_engine_contract.py`, `test_engine_admission_contract.py` and
`test_engine_lifecycle_contract.py` in `tests/service/engine` hold every implementation to it.
"""

from __future__ import annotations

import enum
import math
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Protocol, TypeAlias, TypedDict, Unpack

from pipelines.interface import InputPixels, RgbImage
from pipelines.model_info import ModelInfo
from pipelines.params import GenerationParams, PixelKey
from pipelines.prompts.lengths import PromptLengths
from service.engine.types import ModelStatus, Priority, Timings
from service.observability.log_ids import bound_log_ids


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
"""Phases in which an engine admits jobs."""
ADMITTING_ACCEPTED: Final = (*ADMITTING, Phase.RESTARTING)
"""Phases in which an engine admits jobs that were accepted before; they wait for the next worker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedModel:
    """A model that requests may name, and its status."""

    name: str
    info: ModelInfo | None
    """None where its files cannot be used."""
    status: ModelStatus
    reason: str = ""
    """The reason for which it cannot be used, for the operator: it may hold paths."""
    pinned: bool = False
    """Whether it stays on the device."""
    wait_s: float = 0.0
    """Estimated seconds until it could be resident; 0 where it is."""


@dataclass(frozen=True, slots=True)
class ImageLoading:
    """The image waits for its model to be loaded."""

    index: int
    wait_s: float
    """Estimated seconds until the model is resident."""


@dataclass(frozen=True, slots=True)
class ImageStarted:
    index: int


@dataclass(frozen=True, slots=True)
class ImageProgress:
    index: int
    step: int
    """Steps done, 1 to `WorkPlan.steps`."""
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
class ImageCheckpoint:
    """The data with which `Engine.submit` resumes the image at this step."""

    index: int
    step: int
    data: bytes


@dataclass(frozen=True, slots=True)
class ImageFinished:
    index: int
    params: GenerationParams
    rgb_image: RgbImage
    timings: Timings
    prompt_lengths: PromptLengths | None = None
    """Lengths of the texts that the model read; None where the engine does not know them."""


ImageEvent: TypeAlias = ImageLoading | ImageStarted | ImageProgress | ImagePreview | ImageCheckpoint | ImageFinished
"""Something that happened to one image of a job. `index` is the image's position in the submitted sequence."""


class Job(Protocol):
    """One admitted job. Its images are scheduled separately and may finish in any order."""

    @property
    def id(self) -> str: ...

    @property
    def used_s(self) -> float:
        """Device seconds that the job has used, estimated by price and steps for images that are not finished."""

    def events(self) -> AsyncIterator[ImageEvent]:
        """Yields the job's events from its beginning and ends after its last image; for a single reader.

        An image may be told that it waits for its model before it starts. It starts before it makes progress, and makes
        progress before it is finished. Its steps only grow. A slow reader loses progress, previews and checkpoints,
        never a finished image; but a job that is not read while others need the room for finished images ends with
        `ResultDiscardedError` in place of those that wait. Raises the job's
        `service.errors.DarkroomError` where an image failed, after the images that were finished, and `CanceledError`
        where the job was canceled.
        """

    async def result(self) -> list[ImageFinished]:
        """Returns all images in order of index. Raises as `events` does. Call either this or `events`, not both."""

    def cancel(self) -> None:
        """Cancels the job and frees its rows at the next UNet call.

        May be called in any state and more than once; a job that has ended keeps its outcome.
        """


class ModelWish(enum.StrEnum):
    """A wish of the operator for a model."""

    LOAD = "load"
    """Load it now, even if that has failed before."""
    UNLOAD = "unload"
    """Cancel its load, or free its memory as soon as the images that it has begun are finished."""
    PIN = "pin"
    """Load it, and keep it on the device."""
    UNPIN = "unpin"


class JobOptions(TypedDict, total=False):
    """Keywords with which images are submitted. `Submission` has their defaults."""

    previews: int
    priority: Priority
    tenant: str
    deadline_s: float | None
    inputs: Mapping[PixelKey, InputPixels]
    checkpoint_every: int
    checkpoints: Mapping[int, bytes]


NO_INPUTS: Final[Mapping[PixelKey, InputPixels]] = MappingProxyType({})
"""The inputs of images that start from noise alone."""
NO_CHECKPOINTS: Final[Mapping[int, bytes]] = MappingProxyType({})
"""The checkpoints of images that begin anew."""


@dataclass(frozen=True, slots=True)
class Submission:
    """Images that are submitted as one job. Raises ValueError where an engine cannot take them."""

    images: Sequence[GenerationParams]
    previews: int = 0
    priority: Priority = Priority.INTERACTIVE
    tenant: str = ""
    deadline_s: float | None = None
    inputs: Mapping[PixelKey, InputPixels] = field(default_factory=dict)
    """The pixels that the images start from. It may hold more than they need."""
    checkpoint_every: int = 0
    checkpoints: Mapping[int, bytes] = field(default_factory=dict)
    """Checkpoints of earlier tries, by index of the image."""
    log_ids: Mapping[str, str] = field(default_factory=bound_log_ids)
    """The ids in log lines about these images, in the worker too."""

    def __post_init__(self) -> None:
        deadline_s = math.inf if self.deadline_s is None else self.deadline_s
        if not self.images or min(self.previews, self.checkpoint_every) < 0 or not deadline_s > 0:
            raise ValueError("a job needs an image, previews >= 0, checkpoint_every >= 0 and deadline_s > 0")
        if any(key not in self.inputs for params in self.images for key in params.pixels):
            raise ValueError("a job needs the pixels that its images start from")


class Engine(Protocol):
    """Admits jobs and generates their images. Unread images of a job are kept as long as there is room for them."""

    @property
    def phase(self) -> Phase: ...

    @property
    def activity(self) -> str:
        """The present activity of a worker that is starting, in words for people; empty where none is starting."""

    @property
    def model(self) -> ModelInfo:
        """The default model. Raises `EngineUnavailableError` before it is known."""

    @property
    def models(self) -> Sequence[ServedModel]:
        """All models, the default one first. Raises `EngineUnavailableError` before they are known."""

    def find_model(self, name: str) -> ModelInfo:
        """Returns the model of that name or alias; an empty name stands for the default one.

        Raises `EngineUnavailableError` before the models are known, `UnknownModelError`, and `ModelUnusableError` for a
        model whose files cannot be used.
        """

    def change_model(self, name: str, wish: ModelWish) -> None:
        """Asks the workers to fulfil the operator's wish for the model of that name or alias.

        `models` shows it when it is done. Raises `EngineUnavailableError`, `UnknownModelError`, and `PinRefusedError`
        where the largest of the other models would find no room beside the pinned ones.
        """

    @property
    def backlog_s(self) -> float:
        """Sum of the prices of all images that were admitted and have not ended, in device seconds."""

    def price_s(self, images: Sequence[GenerationParams]) -> float:
        """Estimates the device seconds that these images add to a busy device."""

    def least_s(self, images: Sequence[GenerationParams]) -> float:
        """Estimates the seconds in which these images could be finished if there were no others."""

    def submit(
        self,
        images: Sequence[GenerationParams],
        *,
        previews: int = 0,
        priority: Priority = Priority.INTERACTIVE,
        tenant: str = "",
        deadline_s: float | None = None,
        inputs: Mapping[PixelKey, InputPixels] = NO_INPUTS,
        checkpoint_every: int = 0,
        checkpoints: Mapping[int, bytes] = NO_CHECKPOINTS,
        accepted: bool = False,
    ) -> Job:
        """Admits all images as one job now, or none of them.

        `previews` asks for that many previews of each image, spread evenly over its steps; an image with too few steps
        gets fewer. Tenants share the device equally, whatever each of them submits. An image that cannot be
        finished within `deadline_s` seconds fails with `DeadlineExceededError` as soon as that is certain. `inputs` are
        the pixels of `GenerationParams.pixels`; they are held until the images have ended.

        With `checkpoint_every` the images have an `ImageCheckpoint` every so many steps, where the model and the reader
        keep up. `checkpoints` holds those of an earlier try at equal images, by index: such an image is resumed where
        the checkpoint is sound and of the same model, device and version, and otherwise begins anew.

        An `accepted` job was promised to its caller before, as durable jobs are. It is never refused for want of room,
        and it takes no room from jobs that may be refused: whoever accepted it bounds how many the engine has.

        Raises ValueError where there are no images, `previews` or `checkpoint_every` is negative, `deadline_s` is not
        positive, or an input is missing; `UnknownModelError` and `ModelUnusableError` for the model that an image
        names; `EngineUnavailableError` in a phase that does not admit the job; `QueueFullError` or `QuotaExceededError`
        where too much work is queued, callers wait in line, or too many bytes of inputs are held, with the seconds
        after which to try again.
        """

    async def submit_in_line(self, images: Sequence[GenerationParams], **options: Unpack[JobOptions]) -> Job:
        """Admits all images as one job, as `submit` does; where there is no room, the caller first waits in line.

        Nobody jumps the line, however small the job. Tenants take turns by the seconds of work that they bring, and
        within a tenant the first comes first. A caller that is canceled leaves the line. `deadline_s` counts from the
        call.

        Raises what `submit` raises: `QueueFullError` at once where no place is free or the turn would come too late,
        and at the latest after the engine's time limit; and `DeadlineExceededError`.
        """

    async def wait_for_phase(self, *phases: Phase) -> Phase:
        """Waits until the engine is in one of these phases and returns that phase."""

    async def start(self) -> None:
        """Starts the engine and returns at once; `phase` becomes `serving` when it is ready."""

    async def stop(self, drain_s: float = 0.0) -> None:
        """Stops the engine: refuses new jobs, waits at most `drain_s` seconds for the admitted ones, fails the rest
        with `EngineUnavailableError`, and ends the worker."""
