"""The fields of a request that starts from images. Dialects inherit them where they take images."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import PydanticCustomError, core_schema

from service.api.generation.request import GenerationRequest
from service.api.http.fields import json_text
from service.api.http.form_body import UploadedFile

_DIGEST: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_MAX_MARGIN: Final = 4096

Source: TypeAlias = UploadedFile | str
"""A file of a form, or text: base64, a data URL, or the SHA-256 of an earlier upload."""


class _SourceType:
    """Tells pydantic how to check a `Source`. The content of a text is checked later, off the event loop."""

    @classmethod
    def __get_pydantic_core_schema__(cls, kind: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(_checked_source)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "string", "minLength": 1}


ImageSource = Annotated[Source, _SourceType]


def is_digest(source: Source) -> bool:
    """Whether the source names an earlier upload."""
    return isinstance(source, str) and _DIGEST.fullmatch(source) is not None


def _checked_source(value: object) -> Source:
    if isinstance(value, list) and len(value) == 1:  # OpenAI's API takes a list of images to edit.
        value = value[0]
    if isinstance(value, UploadedFile):
        return value
    if isinstance(value, list):
        raise PydanticCustomError("one_image", "Must be one image")
    if not isinstance(value, str) or not value:
        raise PydanticCustomError("image", "Must be an image: a file, base64, or a data URL")
    return value


class ExtensionRequest(BaseModel):
    """Outpainting: pixels of the uploaded image by which it is extended on each side."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    left: Annotated[int, Field(ge=0, le=_MAX_MARGIN)] = 0
    top: Annotated[int, Field(ge=0, le=_MAX_MARGIN)] = 0
    right: Annotated[int, Field(ge=0, le=_MAX_MARGIN)] = 0
    bottom: Annotated[int, Field(ge=0, le=_MAX_MARGIN)] = 0


class InputRequest(GenerationRequest):
    image: Annotated[
        ImageSource | None,
        Field(description="PNG, JPEG or WebP to start from: a file, base64, a data URL, or an upload's sha256"),
    ] = None
    mask: Annotated[
        ImageSource | None,
        Field(
            description="Where to repaint, an image of the same size: what is transparent or, where nothing is, white"
        ),
    ] = None
    strength: Annotated[
        float | None,
        Field(gt=0, le=1, description="How far to go from the image: 1 with a mask, 0.75 without one"),
    ] = None
    keep_unmasked: Annotated[
        bool, Field(description="Whether what the mask keeps is put back, pixel by pixel, when the image is finished")
    ] = False
    resize_mode: Annotated[
        Literal["crop", "stretch"],
        Field(description="How the image is brought to the proportions of the size, where they differ"),
    ] = "crop"
    extend: Annotated[
        ExtensionRequest | None,
        BeforeValidator(json_text),
        Field(description="Pixels by which the image is extended on each side; they are painted"),
    ] = None
