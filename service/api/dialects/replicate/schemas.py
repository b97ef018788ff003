"""Bodies of Replicate's API, with our extensions among the inputs.

The source is Replicate's HTTP API reference; the inputs are those of the text-to-image models that it lists.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from service.api.generation.input_request import ImageSource, InputRequest
from service.api.http.fields import Text

PredictionStatus: TypeAlias = Literal["starting", "processing", "succeeded", "failed", "canceled"]
WebhookEvent: TypeAlias = Literal["start", "output", "logs", "completed"]


class PredictionRequest(BaseModel):
    """POST /replicate/v1/predictions. What is in `input` is read apart."""

    model_config = ConfigDict(strict=True, frozen=True)

    input: dict[str, Any]
    version: Annotated[
        Text | None, Field(description="A served model: its name, owner/name, owner/name:version, or a version's id")
    ] = None
    model: Annotated[Text | None, Field(description="A served model, as its name or owner/name")] = None
    webhook: Annotated[Text | None, Field(description="Address that is told of the prediction's events")] = None
    webhook_events_filter: Annotated[
        list[WebhookEvent] | None, Field(min_length=1, max_length=10, description="Events that are told; all")
    ] = None


class PredictionInput(InputRequest):
    prompt: Annotated[Text, Field(min_length=1)]
    width: Annotated[
        int | None, Field(ge=1, description="Pixels; a size that the model cannot draw becomes the nearest that it can")
    ] = None
    height: Annotated[int | None, Field(ge=1)] = None
    size: Annotated[Text | None, Field(description="WIDTHxHEIGHT, instead of width and height")] = None
    aspect_ratio: Annotated[
        Text | None,
        Field(description="Such as 16:9, at about as many pixels as the model was trained for; a size goes before it"),
    ] = None


class PredictionUrls(BaseModel):
    get: str
    cancel: str
    stream: str


class Metrics(BaseModel):
    predict_time: float | None
    """Seconds from the start to the end; null before the end, and for a prediction that never started."""
    total_time: float | None
    """Seconds from acceptance to the end."""
    image_count: int


class PredictionOut(BaseModel):
    id: str
    model: str
    version: str
    status: PredictionStatus
    input: dict[str, Any]
    """The input with every default filled in. Sent again, it makes the same images."""
    output: list[str] | None
    """The images of a prediction that has ended, as https: or data: addresses; null where there are none."""
    logs: str
    """The seed and, as tqdm writes it, the progress."""
    error: str | None
    metrics: Metrics
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    data_removed: Literal[False]
    source: Literal["api"]
    urls: PredictionUrls


class PredictionList(BaseModel):
    previous: None
    next: str | None
    """The address of the next page."""
    results: list[PredictionOut]
    """Their outputs are links, whatever the scheme of the server's address."""


class VersionOut(BaseModel):
    id: str
    created_at: datetime
    """When the server started."""
    cog_version: str
    openapi_schema: dict[str, Any]


class ReplicateModel(BaseModel):
    url: str
    owner: str
    name: str
    description: str
    visibility: Literal["private"]
    github_url: None
    paper_url: None
    license_url: None
    run_count: int
    cover_image_url: None
    default_example: None
    latest_version: VersionOut


class FileRequest(BaseModel):
    """POST /replicate/v1/files."""

    model_config = ConfigDict(strict=True, frozen=True)

    content: Annotated[ImageSource, Field(description="PNG, JPEG or WebP, as a file of a form")]


class FileUrls(BaseModel):
    get: str
    """Names the file in the inputs of later predictions."""


class FileOut(BaseModel):
    id: str
    name: str
    content_type: str
    size: int
    etag: str
    checksums: dict[str, str]
    metadata: dict[str, Any]
    created_at: datetime
    expires_at: datetime | None
    urls: FileUrls


class WebhookSecretOut(BaseModel):
    key: str
