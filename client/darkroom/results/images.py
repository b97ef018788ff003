"""Images whose content came with the answer, alone or as events of a stream."""

from __future__ import annotations

import builtins
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import Field, PrivateAttr

from darkroom.results import files
from darkroom.results.base import Answer

if TYPE_CHECKING:
    from PIL import Image as PillowImage


class EncodedImage(Answer):
    """An image that came with its content."""

    content: builtins.bytes = Field(validation_alias="b64_json", repr=False)
    """The content of the image file."""

    _parameters: Mapping[str, Any] = PrivateAttr(default_factory=dict)

    @property
    def parameters(self) -> dict[str, Any]:
        """The arguments that make this image again, its own seed among them: `images.generate(**image.parameters)`."""
        return dict(self._parameters)

    @property
    def width(self) -> int | None:
        """Pixels. None where the server did not say it."""
        return _side(self._parameters.get("size"), 0)

    @property
    def height(self) -> int | None:
        return _side(self._parameters.get("size"), 1)

    def bytes(self) -> builtins.bytes:
        """Return the content of the image file."""
        return self.content

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the file and return its path. The suffix of `path` does not change the format. Raises `OSError`."""
        return files.save(self.content, path)

    def to_pil(self) -> PillowImage.Image:
        """Return the decoded image. Raises `ImportError` without Pillow, which the extra `pillow` installs."""
        return files.to_pil(self.content)

    def with_parameters(self, parameters: Mapping[str, Any]) -> None:
        """Keep what the image was made with. Called once, by the function that reads the answer."""
        self._parameters = {name: value for name, value in parameters.items() if value is not None}

    def _repr_png_(self) -> builtins.bytes | None:
        return files.png_or_none(self.content)

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return files.mime_bundle(self.content)


def _side(size: object, index: int) -> int | None:
    sides = str(size).split("x")
    return int(sides[index]) if len(sides) == 2 and all(side.isdecimal() for side in sides) else None


class TextTokens(Answer):
    """The length of a text in tokens, and of the part of it that the model read."""

    read: int
    total: int
    """More than `read` where the rest of the text had no effect on the image."""


class PromptTokens(Answer):
    """The lengths of an image's texts."""

    prompt: TextTokens
    negative: TextTokens | None = None
    """The length of the negative prompt. None without guidance, where it has no effect."""


class Image(EncodedImage):
    """One finished image."""

    url: str | None = None
    seed: int | None = None
    """A request with this seed and the same other parameters gives this image again."""
    prompt_tokens: PromptTokens | None = None


class ImagesResult(Answer):
    """The images of one call, in the order of their seeds. Iterating over it gives the images."""

    created: int
    """Unix time in seconds."""
    images: list[Image] = Field(validation_alias="data")
    size: str | None = None
    """`WIDTHxHEIGHT` of the images: the supported size that is nearest to the requested one."""
    output_format: str | None = None
    quality: str | None = None
    background: str | None = None
    model: str | None = None
    steps: int | None = Field(default=None, validation_alias="num_inference_steps")
    guidance_scale: float | None = None
    sampler: str | None = None
    schedule: str | None = None

    # pydantic's own iterates over the fields, which nothing here needs.
    def __iter__(self) -> Iterator[Image]:  # type: ignore[override]  # its own yields fields
        return iter(self.images)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Image:
        return self.images[index]


class _StreamEvent(EncodedImage):
    created_at: int
    """Unix time in seconds."""
    index: int = 0
    """Index of the image among the n of the call, from 0."""
    seed: int | None = None
    size: str | None = None
    output_format: str | None = None
    quality: str | None = None
    background: str | None = None


class PartialImage(_StreamEvent):
    """A preview of an unfinished image."""

    type: Literal["image_generation.partial_image", "image_edit.partial_image"]
    partial_image_index: int
    """Index of the preview among those of its image, from 0."""


class CompletedImage(_StreamEvent):
    """A finished image."""

    type: Literal["image_generation.completed", "image_edit.completed"]
    prompt_tokens: PromptTokens | None = None


ImageEvent: TypeAlias = Annotated[PartialImage | CompletedImage, Field(discriminator="type")]
