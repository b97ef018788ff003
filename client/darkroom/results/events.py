"""The events of a job. Each kind is a class of its own, so that `match` tells them apart."""

from __future__ import annotations

import builtins
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

from pydantic import Field

from darkroom.results import files
from darkroom.results.base import Answer
from darkroom.results.jobs import Failure, JobRecord, JobStatus

if TYPE_CHECKING:
    from PIL import Image as PillowImage

ImageT = TypeVar("ImageT")


class StatusChanged(Answer):
    """The job is queued, runs or has ended."""

    status: JobStatus


class ProgressMade(Answer):
    """The progress of all images together."""

    step: int
    steps: int
    fraction: float
    """0 to 1."""
    eta_s: float | None = None
    """Estimated seconds until the job's end."""
    loading_s: float | None = None
    """Estimated seconds until the model is loaded, while images wait for it."""
    queue_position: int | None = None
    """Number of waiting jobs before it."""


class PreviewReady(Answer):
    """A preview of an unfinished image. The job's `previews` says how many there are."""

    index: int
    """Index of the image in the job."""
    step: int
    mime: str
    content: builtins.bytes = Field(validation_alias="b64", repr=False)

    def bytes(self) -> builtins.bytes:
        """Return the content of the image file."""
        return self.content

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the file and return its path. Raises `OSError`."""
        return files.save(self.content, path)

    def to_pil(self) -> PillowImage.Image:
        """Return the decoded image. Raises `ImportError` without Pillow, which the extra `pillow` installs."""
        return files.to_pil(self.content)

    def _repr_png_(self) -> builtins.bytes | None:
        return files.png_or_none(self.content)

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return files.mime_bundle(self.content)


@dataclass(frozen=True, slots=True)
class ImageReady(Generic[ImageT]):
    """An image is finished and can be fetched. `image` is a handle: its content is loaded when it is asked for."""

    image: ImageT


class JobFailed(Failure):
    """The job failed; `JobEnded` follows."""


@dataclass(frozen=True, slots=True)
class JobEnded:
    """The job has ended. It is always the last event."""

    job: JobRecord

    @property
    def status(self) -> JobStatus:
        return self.job.status


JobEvent: TypeAlias = StatusChanged | ProgressMade | PreviewReady | ImageReady[ImageT] | JobFailed | JobEnded
