"""What is known of a job: what was asked, how far it is, how it ended. Values only; knows no database and no HTTP.

An attempt is one process's hold on a job. Whoever takes a job over, to run it or to cancel it, opens a new attempt,
and whatever the holder of an earlier one still writes is refused. Within an attempt `version` counts what happened: it
is 1 until the engine begins an image, and greater from then on.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

import msgspec

from pipelines.params import GenerationParams
from service.engine.types import Priority, Timings
from service.images.encoding import ImageFormat


class Status(enum.StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    """A process has it; its images may still wait for the device."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


TERMINAL: Final = frozenset({Status.SUCCEEDED, Status.FAILED, Status.CANCELED})


class ImageSpec(msgspec.Struct, frozen=True):
    """One image of a job."""

    params: GenerationParams
    position: tuple[int, ...] = ()
    """Which alternative of each `{a|b}` group its prompt took; empty where there are none."""


class JobSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What a job is to make, fully resolved: two jobs of one spec make the same images."""

    model: str
    images: tuple[ImageSpec, ...]
    output_format: ImageFormat
    output_compression: int | None = None
    previews: int = 0
    priority: Priority = Priority.BATCH
    deadline_s: float | None = None
    """Seconds from its acceptance after which its images are of no use."""


class JobProgress(msgspec.Struct, frozen=True):
    """Of all images together."""

    step: int
    steps: int
    eta_s: float | None = None

    @property
    def fraction(self) -> float:
        return self.step / self.steps if self.steps else 0.0


class JobPreview(msgspec.Struct, frozen=True):
    """The latest look at an image in the making."""

    index: int
    step: int
    media_type: str
    data: bytes


class JobFailure(msgspec.Struct, frozen=True):
    """As in `service.errors`."""

    code: str
    message: str
    field: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredImage:
    """A finished image whose file is in the store."""

    index: int
    attempt: int
    version: int
    """With `attempt`: when it was recorded."""
    media_type: str
    width: int
    height: int
    size_bytes: int
    sha256: str
    timings: Timings


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    id: str
    tenant: str
    status: Status
    spec: JobSpec
    attempt: int
    version: int
    progress: JobProgress | None
    preview: JobPreview | None
    failure: JobFailure | None
    created_at: float
    """Unix seconds, as all times here."""
    started_at: float | None
    completed_at: float | None
    expires_at: float | None
    """When the record and its images are deleted; None before it has ended."""
    images: tuple[StoredImage, ...]
    """The finished ones, in order of index."""

    @property
    def ended(self) -> bool:
        return self.status in TERMINAL


@dataclass(frozen=True, slots=True)
class Claim:
    """A process's hold on a job that it is to run."""

    job_id: str
    attempt: int
    tenant: str
    spec: JobSpec
    created_at: float
    done: frozenset[int]
    """Images that an earlier attempt has stored."""


@dataclass(frozen=True, slots=True)
class LiveState:
    """What the process that runs a job knows of it beyond the record."""

    version: int
    progress: JobProgress | None = None
    preview: JobPreview | None = None
