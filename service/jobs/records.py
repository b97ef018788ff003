"""Plain values that describe a job: the request, its progress and its outcome. Knows no database and no HTTP.

An attempt is one process's hold on a job. A process that takes a job over, to run it or to cancel it, starts a new
attempt, and later writes of an earlier attempt are refused. Within an attempt, `version` increases with every change:
it is 1 until the engine begins an image, and greater from then on.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final, NamedTuple

import msgspec

from pipelines.params import GenerationParams
from pipelines.prompts.lengths import PromptLengths
from service.engine.types import Priority, Timings
from service.images.encoding import ImageFormat


class Status(enum.StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    """A process has claimed the job. Its images may still wait for the device."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


TERMINAL: Final = frozenset({Status.SUCCEEDED, Status.FAILED, Status.CANCELED})


class ImageSpec(msgspec.Struct, frozen=True):
    """One image of a job."""

    params: GenerationParams
    position: tuple[int, ...] = ()
    """Index of the chosen alternative in each `{a|b}` group of the prompt; empty where the prompt has none."""


class JobSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A request, fully resolved: two jobs with equal specs make equal images.

    It is stored with the job. `store.spec_format` keeps the forms of earlier releases readable.
    """

    model: str
    images: tuple[ImageSpec, ...]
    output_format: ImageFormat
    output_compression: int | None = None
    previews: int = 0
    priority: Priority = Priority.BATCH
    deadline_s: float | None = None
    """The caller's deadline in seconds after acceptance; the images are of no use later."""
    traceparent: str | None = None
    """The span in which the job was accepted, as W3C Trace Context spells it. It does not affect the images."""

    def in_trace(self, traceparent: str | None) -> JobSpec:
        """Returns the spec of a job that is accepted in that span."""
        return self if traceparent is None else msgspec.structs.replace(self, traceparent=traceparent)


class JobProgress(msgspec.Struct, frozen=True):
    """Steps done and steps needed, summed over all images."""

    step: int
    steps: int
    eta_s: float | None = None
    loading_s: float | None = None
    """Estimated seconds until the model is loaded, while images wait for it."""

    @property
    def fraction(self) -> float:
        return self.step / self.steps if self.steps else 0.0


class JobPreview(msgspec.Struct, frozen=True):
    """The latest preview of an image that is being made."""

    index: int
    step: int
    media_type: str
    data: bytes


class JobFailure(msgspec.Struct, frozen=True):
    """The error with which a job failed: its code, message and field, as in `service.errors`."""

    code: str
    message: str
    field: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredImage:
    """A finished image whose file is stored."""

    index: int
    attempt: int
    version: int
    """The version of the job, within `attempt`, at which the image was recorded."""
    media_type: str
    width: int
    height: int
    size_bytes: int
    sha256: str
    """Digest of the file, in hexadecimal."""
    timings: Timings
    prompt_lengths: PromptLengths | None = None
    """Lengths of the texts that the model read; None where an earlier release stored the image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """The stored state of a job. All times are Unix seconds."""

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
    started_at: float | None
    completed_at: float | None
    expires_at: float | None
    """When the record and its images are deleted; None until the job has ended."""
    images: tuple[StoredImage, ...]
    """The finished images in order of index."""

    @property
    def ended(self) -> bool:
        return self.status in TERMINAL


class JobVersion(NamedTuple):
    """Differs from an earlier one whenever the record of the job has changed."""

    status: Status
    attempt: int
    version: int
    progress: JobProgress | None
    """Compared too, since a job that waits for its model records that without a new version."""

    @classmethod
    def of(cls, record: JobRecord) -> JobVersion:
        return cls(record.status, record.attempt, record.version, record.progress)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSummary:
    """A finished image as lists show it. The fields are those of `StoredImage`."""

    index: int
    media_type: str
    width: int
    height: int
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSummary:
    """A job as lists show it: without previews, timings and its place in the queue. The fields are `JobRecord`'s."""

    id: str
    tenant: str
    status: Status
    spec: JobSpec
    attempt: int
    progress: JobProgress | None
    failure: JobFailure | None
    created_at: float
    started_at: float | None
    completed_at: float | None
    expires_at: float | None
    images: tuple[ImageSummary, ...]

    @property
    def ended(self) -> bool:
        return self.status in TERMINAL


@dataclass(frozen=True, slots=True)
class Claim:
    """The right of one process to run a job, until its lease expires or another attempt begins."""

    job_id: str
    attempt: int
    tenant: str
    spec: JobSpec
    created_at: float
    done: frozenset[int]
    """Indices of the images that earlier attempts have stored."""
    suspect: bool = False
    """Whether the job has been lost so often that it must run apart from all others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnmadeJob:
    """A job whose end no process that makes it could tell: it waited, or was lost too often."""

    id: str
    tenant: str
    spec: JobSpec | None
    """None where this version cannot read it."""
    created_at: float
    attempt: int
    outcome: Status
    code: str
    """A public code of `service.errors`."""


@dataclass(frozen=True, slots=True)
class LiveState:
    """The progress of a running job as its process knows it; the record follows with the next heartbeat."""

    version: int
    progress: JobProgress | None = None
    preview: JobPreview | None = None
