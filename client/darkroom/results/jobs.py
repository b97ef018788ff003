"""A job as the server described it at one time, and the errors of jobs that did not succeed."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal, TypeAlias

from darkroom.results.base import Answer
from darkroom.results.images import PromptTokens

JobStatus: TypeAlias = Literal["queued", "running", "succeeded", "failed", "canceled"]
ENDED: Final = frozenset({"succeeded", "failed", "canceled"})


class JobProgress(Answer):
    """Steps of all images together."""

    step: int
    steps: int
    fraction: float
    """0 to 1."""
    loading_s: float | None = None
    """Estimated seconds until the model is loaded, while images wait for it."""


class JobTimings(Answer):
    """Seconds: the longest wait of an image, and the sums of the rest."""

    queue_s: float
    encode_s: float
    denoise_s: float
    decode_s: float
    total_s: float | None = None
    batch_size: float
    """Mean number of rows of the UNet calls that made the images; a guided image takes two."""


class ImageSummary(Answer):
    """A finished image of a listed job. Its prompt is the one at its index among those of the request."""

    index: int
    url: str
    thumbnail_url: str
    sha256: str
    width: int
    """Pixels."""
    height: int
    """Pixels."""
    seed: int
    mime: str
    size_bytes: int


class ImageRecord(ImageSummary):
    """A finished image of a job, without its content."""

    prompt: str
    position: list[int]
    """The index of the alternative of each group in a prompt matrix, in order."""
    timings: JobTimings
    prompt_tokens: PromptTokens | None = None


class ResolvedRequest(Answer):
    """The request with every default filled in. `model_extra` holds the settings that all images share."""

    model: str
    prompts: list[str]
    """The prompt of each image."""
    output_format: str
    output_compression: int | None = None
    previews: int
    priority: str
    deadline_s: float | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that all images share, under the names of the HTTP API."""
        return dict(self.model_extra or {})


class Failure(Answer):
    """The error with which a job failed."""

    code: str
    message: str
    field: str | None = None


class JobUrls(Answer):
    """The URLs of a job, relative to the server."""

    self: str
    events: str
    cancel: str


class JobRecord(Answer):
    """A job as it was when the server answered."""

    id: str
    status: JobStatus
    queue_position: int | None = None
    """Number of waiting jobs before it."""
    eta_s: float | None = None
    """Estimated seconds until its end."""
    progress: JobProgress
    request: ResolvedRequest
    seeds: list[int]
    images: list[ImageRecord]
    """The finished images, also while the job runs and after it has failed."""
    prompt_truncated: bool | None = None
    timings: JobTimings | None = None
    error: Failure | None = None
    created_at: datetime
    started_at: datetime | None = None
    completed_at: datetime | None = None
    expires_at: datetime | None = None
    """The time at which the job and its images are deleted."""
    urls: JobUrls

    @property
    def ended(self) -> bool:
        return self.status in ENDED


class JobSummary(Answer):
    """A job in a list: without timings and its place in the queue. `client.jobs.get` returns the job by its id."""

    id: str
    status: JobStatus
    eta_s: float | None = None
    """Estimated seconds until its end; None while it waits."""
    progress: JobProgress
    request: ResolvedRequest
    abridged: bool = False
    """Whether a prompt, or the negative prompt, is cut and ends in an ellipsis."""
    seeds: list[int]
    images: list[ImageSummary]
    """The finished images, also while the job runs and after it has failed."""
    error: Failure | None = None
    created_at: datetime
    started_at: datetime | None = None
    completed_at: datetime | None = None
    expires_at: datetime | None = None
    """The time at which the job and its images are deleted."""
    urls: JobUrls

    @property
    def ended(self) -> bool:
        return self.status in ENDED


class JobPage(Answer):
    """A page of the caller's jobs, newest first."""

    data: list[JobSummary]
    next_cursor: str | None = None
