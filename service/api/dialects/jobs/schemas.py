"""The native job API's bodies, as pydantic models."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from service.api.generation.input_request import ImageSource, InputRequest
from service.api.generation.prompt_tokens import PromptTokens
from service.api.generation.resolve import shared_settings_schema
from service.api.http.fields import Text, json_text
from service.images.encoding import ImageFormat
from service.jobs.records import Status
from service.webhooks.sending.targets import MAX_URL
from service.webhooks.types import JOB_CANCELED, JOB_FAILED, JOB_SUCCEEDED

MAX_JOB_IMAGES: Final = 100
MAX_PREVIEWS: Final = 10
MAX_LISTED_CHARACTERS: Final = 200
"""Characters after which a list cuts a text."""

Prompt = Annotated[Text, Field(min_length=1)]


def _as_list(value: object) -> object:
    if isinstance(value, list) and len(value) > MAX_JOB_IMAGES:
        # Pydantic would look at each item first, and make an error of each wrong one.
        raise PydanticCustomError("too_long", f"Must have at most {MAX_JOB_IMAGES} items")
    return [value] if isinstance(value, str) else value


class WebhookRequest(BaseModel):
    """An address that is told what becomes of the job."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    url: Annotated[Text, Field(max_length=MAX_URL, description="An https address with a public host")]
    events: Annotated[
        list[Literal["job.started", "job.succeeded", "job.failed", "job.canceled"]],
        Field(min_length=1, max_length=4, description="Those that are told; by default those of the job's end"),
    ] = [JOB_SUCCEEDED, JOB_FAILED, JOB_CANCELED]


class JobRequest(InputRequest):
    """POST /api/v1/jobs."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"prompt": "a red circle on a white background", "seed": 7},
                {"prompt": "a {red|blue} {circle|star}", "prompt_matrix": True, "n": 2, "previews": 2},
                {"prompt": "a red circle", "hires": {"scale": 2, "steps": 8}},
            ]
        }
    )

    prompt: Annotated[
        list[Prompt],
        BeforeValidator(_as_list, json_schema_input_type=Prompt | list[Prompt]),
        Field(min_length=1, max_length=MAX_JOB_IMAGES, description="One prompt, or a list of them"),
    ]
    prompt_matrix: Annotated[
        bool,
        Field(
            description="Whether `{a|b}` in a prompt stands for an image with a and one with b; all combinations "
            "then have the same seeds"
        ),
    ] = False
    width: Annotated[int | None, Field(ge=1, description="Pixels; the model's own default, as height")] = None
    height: Annotated[int | None, Field(ge=1)] = None
    previews: Annotated[
        int, Field(ge=0, le=MAX_PREVIEWS, description="Previews of each image, sent as events of the job")
    ] = 0
    webhook: Annotated[
        WebhookRequest | None,
        BeforeValidator(json_text),
        Field(description="An address that is told what becomes of the job"),
    ] = None


class ProgressOut(BaseModel):
    step: int
    """Steps done, of all images together."""
    steps: int
    fraction: float
    loading_s: float | None
    """Estimated seconds until the model is loaded, while images wait for it; else null."""


class TimingsOut(BaseModel):
    """Seconds. A job has the longest wait of its images, and the sums of their other times."""

    queue_s: float
    encode_s: float
    denoise_s: float
    decode_s: float
    total_s: float | None
    """From acceptance to the end; null for a single image."""
    batch_size: float
    """Mean number of rows of the UNet calls that made it; a guided image takes two, or three."""


class ImageOut(BaseModel):
    index: int
    url: str
    thumbnail_url: str
    sha256: str
    width: int
    height: int
    seed: int
    mime: str
    size_bytes: int
    prompt: str
    position: list[int]
    """In a prompt matrix, the index of the chosen alternative of each group, in order."""
    timings: TimingsOut
    prompt_tokens: PromptTokens | None
    """The tokens of its texts, and how many of them the model read; null for images of earlier releases."""


def _with_shared_settings(schema: dict[str, Any]) -> None:
    declared = shared_settings_schema()
    schema["properties"] |= declared
    schema["required"] += list(declared)
    schema["additionalProperties"] = False


class ResolvedRequest(BaseModel):
    """The request with every default filled in. Sent again, it makes the same images.

    The generation parameters that all images share are fields too, under the names that requests use.
    """

    model_config = ConfigDict(extra="allow", json_schema_extra=_with_shared_settings)

    model: str
    prompts: list[str]
    """The prompt of each image."""
    output_format: ImageFormat
    output_compression: int | None
    previews: int
    priority: Literal["interactive", "batch"]
    deadline_s: float | None


class FailureOut(BaseModel):
    code: str
    message: str
    field: str | None


class JobUrls(BaseModel):
    self: str
    events: str
    cancel: str


class JobOut(BaseModel):
    id: str
    status: Status
    queue_position: int | None
    """Number of waiting jobs before it; null where it does not wait."""
    eta_s: float | None
    progress: ProgressOut
    request: ResolvedRequest
    seeds: list[int]
    images: list[ImageOut]
    """The finished images, also while the job runs and after it has failed."""
    prompt_truncated: bool | None
    """Whether a text of a finished image was longer than the model reads; null before there is one."""
    timings: TimingsOut | None
    error: FailureOut | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    expires_at: datetime | None
    urls: JobUrls


class ListedImageOut(BaseModel):
    """A finished image of a listed job. Its prompt is the one of its index among the request's."""

    index: int
    url: str
    thumbnail_url: str
    sha256: str
    width: int
    height: int
    seed: int
    mime: str
    size_bytes: int


class JobListItem(BaseModel):
    """A job in a list. `GET /api/v1/jobs/{job_id}` has all of it."""

    id: str
    status: Status
    eta_s: float | None
    """Null while the job waits: a list does not count the jobs before it."""
    progress: ProgressOut
    request: ResolvedRequest
    abridged: bool
    """Whether a prompt, or the negative prompt, is cut after 200 characters and ends in an ellipsis."""
    seeds: list[int]
    images: list[ListedImageOut]
    error: FailureOut | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    expires_at: datetime | None
    urls: JobUrls


class JobList(BaseModel):
    data: list[JobListItem]
    """At most `limit` jobs, or fewer where they would take more than a mebibyte."""
    next_cursor: str | None
    """Null where there are no more jobs."""


class StatusEvent(BaseModel):
    status: Status


class ClosingEvent(BaseModel):
    """The server stops. The client should connect again, to this server or another, and go on after the event's id."""

    message: str
    retry_after_s: float


class ProgressEvent(BaseModel):
    step: int
    steps: int
    fraction: float
    eta_s: float | None
    loading_s: float | None
    queue_position: int | None


class PreviewEvent(BaseModel):
    index: int
    step: int
    mime: str
    b64: str


class UploadRequest(BaseModel):
    """POST /api/v1/uploads."""

    model_config = ConfigDict(strict=True, frozen=True)

    image: Annotated[ImageSource, Field(description="PNG, JPEG or WebP: a file of a form, base64, or a data URL")]


class UploadOut(BaseModel):
    sha256: str
    """Names the upload in later requests, as `image` or `mask`. It is the digest of the file as it is stored."""
    width: int
    height: int
    size_bytes: int
    created_at: datetime
    expires_at: datetime | None
    """When it is deleted unless a job starts from it; null where it is kept for jobs alone."""


class LinkRequest(BaseModel):
    """POST /api/v1/jobs/{id}/images/{index}/links."""

    model_config = ConfigDict(strict=True, frozen=True, allow_inf_nan=False)

    expires_in_s: Annotated[int, Field(ge=1, le=7 * 86400)] = 3600
    include_parameters: Annotated[
        bool, Field(description="Whether the file tells its prompt and its other parameters to whoever has the link")
    ] = False


class LinkOut(BaseModel):
    url: str
    expires_at: datetime
