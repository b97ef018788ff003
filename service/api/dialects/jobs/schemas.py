"""The native job API's bodies, as pydantic models, and how a body becomes one of them.

Unlike /v1, which ignores what it does not know, this API refuses it: a misspelled field should not cost an image.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from service.api.http.fields import MAX_IMAGES, MAX_SEED, Text
from service.errors import Problem, UnprocessableError
from service.images.encoding import ImageFormat
from service.jobs.records import Status

MAX_JOB_IMAGES: Final = 100
MAX_PREVIEWS: Final = 10
_MAX_PROBLEMS: Final = 20
_SHOWN_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)

Prompt = Annotated[Text, Field(min_length=1)]


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


class JobRequest(BaseModel):
    """POST /api/v1/jobs."""

    model_config = ConfigDict(
        strict=True,
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        json_schema_extra={
            "examples": [
                {"prompt": "a red circle on a white background", "seed": 7},
                {"prompt": "a {red|blue} {circle|star}", "prompt_matrix": True, "n": 2, "previews": 2},
            ]
        },
    )

    prompt: Annotated[
        list[Prompt],
        BeforeValidator(_as_list, json_schema_input_type=Prompt | list[Prompt]),
        Field(min_length=1, max_length=MAX_JOB_IMAGES, description="One prompt, or a list of them"),
    ]
    prompt_matrix: Annotated[
        bool, Field(description="Whether `{a|b}` in a prompt stands for an image with a and one with b")
    ] = False
    n: Annotated[int, Field(ge=1, le=MAX_IMAGES, description="Images of each prompt")] = 1
    model: Text | None = None
    negative_prompt: Text = ""
    width: Annotated[int | None, Field(ge=1, description="Pixels; the model's own default, as height")] = None
    height: Annotated[int | None, Field(ge=1)] = None
    num_inference_steps: Annotated[int | None, Field(ge=1)] = None
    guidance_scale: Annotated[float | None, Field(ge=0)] = None
    sampler: Text | None = None
    schedule: Annotated[Text | None, Field(description="karras, exponential or beta")] = None
    seed: Annotated[
        int | None,
        Field(
            ge=-1,
            le=MAX_SEED,
            description="Of the first image, each further one's is one more; with prompt_matrix all combinations "
            "have the same. -1 and null draw one at random",
        ),
    ] = None
    output_format: Annotated[ImageFormat | None, Field(description="png, unless Accept asks for another")] = None
    output_compression: Annotated[
        int | None, Field(ge=0, le=100, description="Quality of webp (100: lossless) and jpeg; png is lossless")
    ] = None
    previews: Annotated[int, Field(ge=0, le=MAX_PREVIEWS, description="Of each image, among the job's events")] = 0
    priority: Literal["interactive", "batch"] = "interactive"
    deadline_s: Annotated[
        float | None, Field(gt=0, description="Seconds after which the job is of no use: it then fails")
    ] = None


class ProgressOut(BaseModel):
    step: int
    """Of all images together."""
    steps: int
    fraction: float


class TimingsOut(BaseModel):
    """Seconds. A job's are those of its images: the longest wait, and the sums of the rest."""

    queue_s: float
    encode_s: float
    denoise_s: float
    decode_s: float
    total_s: float | None
    """From acceptance to the end; null for a single image."""
    batch_size: float
    """Rows of the UNet calls in which it was made, on average: a guided image is two of them."""


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
    """Of a prompt matrix: which alternative of each group, in order."""
    timings: TimingsOut


class ResolvedRequest(BaseModel):
    """What the job makes, with every default filled in: the same again gives the same images."""

    model: str
    prompts: list[str]
    """Of each image."""
    negative_prompt: str
    width: int
    height: int
    num_inference_steps: int
    guidance_scale: float
    sampler: str
    schedule: str | None
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
    """How many jobs go before it; null where it does not wait."""
    eta_s: float | None
    progress: ProgressOut
    request: ResolvedRequest
    seeds: list[int]
    images: list[ImageOut]
    """The finished ones, also of a job that has not ended, or has failed."""
    timings: TimingsOut | None
    error: FailureOut | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    expires_at: datetime | None
    urls: JobUrls


class JobList(BaseModel):
    data: list[JobOut]
    next_cursor: str | None


class StatusEvent(BaseModel):
    status: Status


class ProgressEvent(BaseModel):
    step: int
    steps: int
    fraction: float
    eta_s: float | None
    queue_position: int | None


class PreviewEvent(BaseModel):
    index: int
    step: int
    mime: str
    b64: str


class LinkRequest(BaseModel):
    """POST /api/v1/jobs/{id}/images/{index}/links."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)

    expires_in_s: Annotated[int, Field(ge=1, le=7 * 86400)] = 3600


class LinkOut(BaseModel):
    url: str
    expires_at: datetime


RequestT = TypeVar("RequestT", bound=BaseModel)


def parse_body(kind: type[RequestT], fields: Mapping[str, Any]) -> RequestT:
    """Raises `UnprocessableError` with everything that is wrong."""
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
    problems = tuple(dict.fromkeys(Problem(_pointer(kind, each["loc"]), _detail(each)) for each in found))
    raise UnprocessableError("The body is not valid.", problems=problems[:_MAX_PROBLEMS])


def _pointer(kind: type[BaseModel], location: Sequence[str | int]) -> str:
    """To the field or the item of its list; pydantic also names the alternative of a union that was tried."""
    name, *rest = location
    if name not in kind.model_fields and not _SHOWN_NAME.fullmatch(str(name)):
        return ""  # Callers' own text is never repeated at any length.
    return "".join(f"/{part}" for part in (name, *(part for part in rest if isinstance(part, int))))


def _detail(error: ErrorDetails) -> str:
    """Pydantic's messages of the types used here never hold the input."""
    return "There is no such field." if error["type"] == "extra_forbidden" else f"{error['msg']}."
