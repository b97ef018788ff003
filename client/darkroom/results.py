"""The values that calls return: results, models and stream events. Does no I/O, except to save an image."""

from __future__ import annotations

import builtins
import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

if TYPE_CHECKING:
    from PIL import Image as PillowImage


class _Answer(BaseModel):
    """An object that the server sent. `model_extra` keeps the fields that this version does not know."""

    model_config = ConfigDict(extra="allow", frozen=True, val_json_bytes="base64", ser_json_bytes="base64")

    _request_id: str | None = PrivateAttr(default=None)
    """The answer's x-request-id. Give it to the operator of the server when you report a problem."""

    def model_post_init(self, context: Any, /) -> None:
        if context is not None:
            self._request_id = context["request_id"]


class _Image(_Answer):
    bytes: builtins.bytes = Field(validation_alias="b64_json", repr=False)
    """The content of the image file."""

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the file and return its path. The suffix of `path` does not change the format. Raises `OSError`."""
        target = Path(path)
        target.write_bytes(self.bytes)
        return target

    def to_pil(self) -> PillowImage.Image:
        """Return the decoded image. Raises `ImportError` without Pillow, which this package does not install."""
        try:
            from PIL import Image as PillowImage
        except ImportError as error:
            raise ImportError("to_pil() needs Pillow. Install it: pip install pillow") from error
        image = PillowImage.open(io.BytesIO(self.bytes))
        image.load()
        return image


class TextTokens(_Answer):
    """How much of a text the model read, in tokens."""

    read: int
    total: int
    """More than `read` where the rest of the text had no effect on the image."""


class PromptTokens(_Answer):
    """How much of its texts the model read for an image."""

    prompt: TextTokens
    negative: TextTokens | None = None
    """That of the negative prompt. None without guidance, where it has no effect."""


class Image(_Image):
    """One finished image."""

    seed: int | None = None
    """A request with this seed and the same other parameters gives this image again."""
    prompt_tokens: PromptTokens | None = None


class ImagesResult(_Answer):
    """The images of one call, in the order of their seeds."""

    created: int
    """Unix time in seconds."""
    images: list[Image] = Field(validation_alias="data")
    size: str | None = None
    """`WIDTHxHEIGHT` of the images: the supported size that is nearest to the requested one."""
    output_format: str | None = None


class _StreamEvent(_Image):
    created_at: int
    """Unix time in seconds."""
    index: int = 0
    """Index of the image among the n of the call, from 0."""
    seed: int | None = None
    size: str | None = None
    output_format: str | None = None


class PartialImage(_StreamEvent):
    """A preview of an unfinished image."""

    type: Literal["image_generation.partial_image"]
    partial_image_index: int
    """Index of the preview among those of its image, from 0."""


class CompletedImage(_StreamEvent):
    """A finished image."""

    type: Literal["image_generation.completed"]
    prompt_tokens: PromptTokens | None = None


ImageEvent: TypeAlias = Annotated[PartialImage | CompletedImage, Field(discriminator="type")]


class Model(_Answer):
    """A model that the server serves."""

    id: str
    created: int | None = None
    owned_by: str | None = None
