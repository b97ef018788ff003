"""OpenAI's images API with our extensions, as pydantic models.

The source is OpenAI's API reference, "Create image" and "Image streaming events".
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from service.api.generation.input_request import ImageSource, InputRequest
from service.api.generation.prompt_tokens import PromptTokens
from service.api.generation.request import GenerationRequest, Side
from service.api.http.fields import Text
from service.engine.types import ModelStatus
from service.images.encoding import ImageFormat

PartialType: TypeAlias = Literal["image_generation.partial_image", "image_edit.partial_image"]
CompletedType: TypeAlias = Literal["image_generation.completed", "image_edit.completed"]


class ImageRequest(GenerationRequest):
    """POST /v1/images/generations."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"prompt": "a red circle on a white background", "n": 2, "seed": 7}]}
    )

    prompt: Annotated[Text, Field(min_length=1)]
    size: Annotated[
        Text, Field(description="WIDTHxHEIGHT or auto; what the model cannot draw becomes the nearest it can")
    ] = "auto"
    width: Annotated[Side | None, Field(description="Pixels, instead of size")] = None
    height: Annotated[Side | None, Field(description="Pixels, instead of size")] = None
    response_format: Annotated[
        Literal["b64_json", "url"] | None,
        Field(description="b64_json, but url where the model is dall-e-2 or dall-e-3"),
    ] = None
    stream: bool = False
    partial_images: Annotated[int, Field(ge=0, le=3, description="Previews of each image, in a stream")] = 0
    background: Literal["transparent", "opaque", "auto"] | None = None
    quality: Annotated[
        Literal["standard", "hd", "low", "medium", "high", "xhigh", "max", "auto"],
        Field(description="Accepted without effect: num_inference_steps decides"),
    ] = "auto"
    style: Annotated[Literal["vivid", "natural"] | None, Field(description="Accepted without effect")] = None
    moderation: Annotated[Literal["low", "auto"] | None, Field(description="Accepted without effect")] = None
    user: Annotated[Text | None, Field(description="Accepted without effect")] = None
    safety_identifier: Annotated[Text | None, Field(description="Accepted without effect")] = None


_STRING: Final = {"type": "string", "minLength": 1}
_REFERENCE: Final = {"type": "object", "properties": {"image_url": _STRING}, "required": ["image_url"]}
_REFERENCED: Final[dict[str, Any]] = {
    "anyOf": [_STRING, _REFERENCE, {"type": "array", "minItems": 1, "maxItems": 1, "items": _REFERENCE}]
}


def _text_of(value: object) -> object:
    """Returns the text of a reference; whatever is none is left to be checked as an image."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict):
        return value
    address = value.get("image_url")
    if isinstance(address, dict):  # As messages of chats have it.
        address = address.get("url")
    if isinstance(address, str):
        return address
    if "file_id" in value:
        raise PydanticCustomError("file_id", "There are no files by id here: send the image as a data: URL")
    raise PydanticCustomError("image_url", "Must have an image_url, with a data: URL")


ReferencedImage = Annotated[ImageSource, BeforeValidator(_text_of), WithJsonSchema(_REFERENCED)]
"""An image, a reference to one as OpenAI's JSON form of edits has it, or a list with one of them."""


class EditRequest(InputRequest, ImageRequest):
    """POST /v1/images/edits."""

    model_config = ConfigDict(json_schema_extra={"examples": []})

    image: Annotated[
        ReferencedImage, Field(description="PNG, JPEG or WebP to start from: a file, base64, or a data URL")
    ]
    mask: Annotated[
        ReferencedImage | None,
        Field(
            description="Where to repaint, an image of the same size: what is transparent or, where nothing is, white"
        ),
    ] = None
    input_fidelity: Annotated[
        Literal["high", "low"] | None, Field(description="Accepted without effect: strength decides")
    ] = None


class VariationRequest(EditRequest):
    """POST /v1/images/variations."""

    prompt: Text = ""


class Image(BaseModel):
    b64_json: str | None
    url: str | None
    """Address of the image, valid for an hour. `response_format` decides which of the two is null."""
    seed: int
    prompt_tokens: PromptTokens | None
    """The tokens of its texts, and how many of them the model read."""


class UsageDetails(BaseModel):
    image_tokens: int
    text_tokens: int


class Usage(BaseModel):
    """Tokens to pay for. Our images never have any, but clients read the object."""

    input_tokens: int
    input_tokens_details: UsageDetails
    output_tokens: int
    total_tokens: int


NO_USAGE: Final = Usage(
    input_tokens=0, input_tokens_details=UsageDetails(image_tokens=0, text_tokens=0), output_tokens=0, total_tokens=0
)


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
    usage: Usage


class PartialImageEvent(BaseModel):
    type: PartialType
    b64_json: str
    partial_image_index: int
    created_at: int
    size: str
    quality: str
    background: Literal["opaque"]
    output_format: ImageFormat
    index: int
    """The 0-based number of the image among the n."""
    seed: int


class CompletedEvent(BaseModel):
    type: CompletedType
    b64_json: str
    created_at: int
    size: str
    quality: str
    background: Literal["opaque"]
    output_format: ImageFormat
    usage: Usage
    index: int
    seed: int
    prompt_tokens: PromptTokens | None
    """The tokens of its texts, and how many the model read. A stream's headers are sent before that is known."""


class Model(BaseModel):
    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    parent: str | None
    """The model for which an alias stands; null for a model's own name."""
    sizes: list[str]
    """Sizes that it was trained for; the first is its default."""
    default_steps: int
    default_guidance_scale: float
    default_sampler: str
    status: ModelStatus
    """Whether it is resident. A model that is not resident is loaded when an image needs it."""


class ModelList(BaseModel):
    object: Literal["list"]
    data: list[Model]
