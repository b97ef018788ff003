"""OpenAI's images dialect with our extensions, as pydantic models, and how fields become one of them.

The source is OpenAI's API reference, "Create image" and "Image streaming events".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from service.api.http.fields import MAX_IMAGES, MAX_SEED, Text
from service.errors import InvalidRequestError
from service.images.encoding import ImageFormat

ALIASES: Final[Mapping[str, str]] = {
    "steps": "num_inference_steps",
    "cfg_scale": "guidance_scale",
    "sampler_name": "sampler",
    "scheduler": "schedule",
}
"""Other spellings of our extensions, and the field that each stands for."""


class ImageRequest(BaseModel):
    """POST /v1/images/generations. null counts as absent everywhere; unknown fields are ignored and reported."""

    model_config = ConfigDict(
        strict=True,
        frozen=True,
        extra="ignore",
        allow_inf_nan=False,
        json_schema_extra={"examples": [{"prompt": "a red circle on a white background", "n": 2, "seed": 7}]},
    )

    prompt: Annotated[Text, Field(min_length=1)]
    model: Annotated[Text | None, Field(description="A served model; OpenAI's names stand for the default one")] = None
    n: Annotated[int | None, Field(ge=1, le=MAX_IMAGES)] = None
    size: Annotated[
        Text | None, Field(description="WIDTHxHEIGHT or auto; what the model cannot draw becomes the nearest it can")
    ] = None
    output_format: ImageFormat | None = None
    output_compression: Annotated[
        int | None, Field(ge=0, le=100, description="Quality of webp (100: lossless) and jpeg; png is lossless")
    ] = None
    response_format: Literal["b64_json", "url"] | None = None
    stream: bool | None = None
    partial_images: Annotated[int | None, Field(ge=0, le=3)] = None
    background: Literal["transparent", "opaque", "auto"] | None = None
    quality: Annotated[
        Literal["standard", "hd", "low", "medium", "high", "xhigh", "max", "auto"] | None,
        Field(description="Accepted without effect: num_inference_steps decides"),
    ] = None
    style: Annotated[Literal["vivid", "natural"] | None, Field(description="Accepted without effect")] = None
    moderation: Annotated[Literal["low", "auto"] | None, Field(description="Accepted without effect")] = None
    user: Annotated[Text | None, Field(description="Accepted without effect")] = None
    safety_identifier: Annotated[Text | None, Field(description="Accepted without effect")] = None

    seed: Annotated[
        int | None, Field(ge=-1, le=MAX_SEED, description="Image i is made with seed + i; -1 draws one at random")
    ] = None
    negative_prompt: Text | None = None
    num_inference_steps: Annotated[int | None, Field(ge=1, description="Alias: steps")] = None
    guidance_scale: Annotated[float | None, Field(ge=0, description="Alias: cfg_scale")] = None
    sampler: Annotated[Text | None, Field(description="Alias: sampler_name; AUTOMATIC1111's names serve too")] = None
    schedule: Annotated[Text | None, Field(description="karras, exponential or beta. Alias: scheduler")] = None
    priority: Annotated[
        Literal["interactive", "batch"] | None, Field(description="batch gives way to what somebody waits for")
    ] = None
    deadline_s: Annotated[
        float | None,
        Field(gt=0, description="Seconds after which the images are of no use: what cannot be made by then fails"),
    ] = None


class Image(BaseModel):
    b64_json: str | None
    url: str | None
    """Where the image is, for an hour: by `response_format`, one of the two is null."""
    seed: int


class ImagesResponse(BaseModel):
    created: int
    data: list[Image]
    size: str
    quality: str
    background: Literal["opaque"]
    output_format: ImageFormat
    model: str
    num_inference_steps: int
    guidance_scale: float
    sampler: str
    schedule: str | None


class UsageDetails(BaseModel):
    image_tokens: int
    text_tokens: int


class Usage(BaseModel):
    """Tokens to pay for, which an image of ours never has; OpenAI's event requires the object."""

    input_tokens: int
    input_tokens_details: UsageDetails
    output_tokens: int
    total_tokens: int


NO_USAGE: Final = Usage(
    input_tokens=0, input_tokens_details=UsageDetails(image_tokens=0, text_tokens=0), output_tokens=0, total_tokens=0
)


class PartialImageEvent(BaseModel):
    type: Literal["image_generation.partial_image"]
    b64_json: str
    partial_image_index: int
    created_at: int
    size: str
    quality: str
    background: Literal["opaque"]
    output_format: ImageFormat
    index: int
    """Which of the n images."""
    seed: int


class CompletedEvent(BaseModel):
    type: Literal["image_generation.completed"]
    b64_json: str
    created_at: int
    size: str
    quality: str
    background: Literal["opaque"]
    output_format: ImageFormat
    usage: Usage
    index: int
    seed: int


class Model(BaseModel):
    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    sizes: list[str]
    """Sizes that it was trained for; the first is its default."""
    default_steps: int
    default_guidance_scale: float
    default_sampler: str


class ModelList(BaseModel):
    object: Literal["list"]
    data: list[Model]


class ErrorObject(BaseModel):
    message: str
    type: str
    param: str | None
    code: str | None


class ErrorResponse(BaseModel):
    error: ErrorObject


@dataclass(frozen=True, slots=True)
class ParsedRequest:
    request: ImageRequest
    spelled: Mapping[str, str]
    """Field to the alias that the caller wrote, where it was one."""
    ignored: tuple[str, ...]
    """Fields that nobody knows."""

    def refusal(self, field: str, message: str) -> InvalidRequestError:
        """An error that names `field` as the caller spelled it."""
        return InvalidRequestError(message, field=self.spelled.get(field, field))


def parse(fields: Mapping[str, Any]) -> ParsedRequest:
    """Raises `InvalidRequestError`, naming the field as it was spelled."""
    given = {name: value for name, value in fields.items() if value is not None}
    spelled: dict[str, str] = {}
    for alias, name in ALIASES.items():
        if alias not in given:
            continue
        value = given.pop(alias)
        if name not in given:
            given[name], spelled[name] = value, alias
        elif given[name] != value:
            raise InvalidRequestError(f"{alias} and {name} are the same setting, given two values.", field=alias)
    try:
        request = ImageRequest.model_validate(given)
    except ValidationError as error:
        # The messages of the types used above never hold the input.
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        field = str(first["loc"][0])
        field = spelled.get(field, field)
        raise InvalidRequestError(f"{field}: {first['msg']}.", field=field) from None
    ignored = tuple(name for name in given if name not in ImageRequest.model_fields)
    return ParsedRequest(request, spelled, ignored)
