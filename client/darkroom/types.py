"""What the calls take and give back: keyword arguments, results and stream events. Does no I/O but saving an image."""

from __future__ import annotations

import builtins
import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, TypedDict

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

if TYPE_CHECKING:
    from PIL import Image as PillowImage

OutputFormat: TypeAlias = Literal["png", "webp", "jpeg"]
Priority: TypeAlias = Literal["interactive", "batch"]


class GenerateParams(TypedDict, total=False):
    """Keyword arguments of `images.generate` and `images.stream` beside `prompt`. What is absent or None is left to
    the server, whose defaults are the model's own."""

    model: str | None
    """A name that `models.list()` gives."""
    n: int
    """Images to make from this prompt; the server bounds it, usually at 10."""
    size: str | None
    """`WIDTHxHEIGHT` in pixels, `128x128` for example."""
    seed: int | None
    """0 to 2**63 - 1; image i is made with seed + i. The same seed and settings give the same image."""
    negative_prompt: str | None
    """What to keep out of the image."""
    steps: int | None
    """Denoising steps."""
    guidance_scale: float | None
    """How closely to follow the prompt; 1 or less turns guidance off and halves the work."""
    sampler: str | None
    """`ddim`, `euler_a`, `dpm++_2m` ... as the server names them."""
    schedule: str | None
    """Spacing of the noise levels: `karras`, `exponential` or `beta`."""
    output_format: OutputFormat | None
    """File format of the images."""
    priority: Priority | None
    """`batch` gives way to what somebody waits for."""
    deadline_s: float | None
    """Seconds after which the images are of no use: what cannot be made by then fails with code
    `deadline_exceeded`."""


class _Answer(BaseModel):
    """An object that the server sent; fields that this version does not know stay in `model_extra`."""

    model_config = ConfigDict(extra="allow", frozen=True, val_json_bytes="base64", ser_json_bytes="base64")

    _request_id: str | None = PrivateAttr(default=None)
    """The answer's x-request-id: what to tell whoever runs the server."""

    def model_post_init(self, context: Any, /) -> None:
        if context is not None:
            self._request_id = context["request_id"]


class _Image(_Answer):
    bytes: builtins.bytes = Field(validation_alias="b64_json", repr=False)
    """The encoded image, a file's content as it is."""

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the file as it came, whatever the path's suffix, and return its path. Raises `OSError`."""
        target = Path(path)
        target.write_bytes(self.bytes)
        return target

    def to_pil(self) -> PillowImage.Image:
        """The decoded image. Raises `ImportError` without Pillow, which this package does not install."""
        try:
            from PIL import Image as PillowImage
        except ImportError as error:
            raise ImportError("to_pil() needs Pillow: pip install pillow") from error
        image = PillowImage.open(io.BytesIO(self.bytes))
        image.load()
        return image


class Image(_Image):
    """One finished image."""

    seed: int | None = None
    """What makes this image again, together with the same settings."""


class ImagesResult(_Answer):
    """The images of one call, in order of their seeds."""

    created: int
    """Unix seconds."""
    images: list[Image] = Field(validation_alias="data")
    size: str | None = None
    """What was drawn, which may be the nearest to what was asked."""
    output_format: str | None = None


class _StreamEvent(_Image):
    created_at: int
    """Unix seconds."""
    index: int = 0
    """Which of the n images."""
    seed: int | None = None
    size: str | None = None
    output_format: str | None = None


class PartialImage(_StreamEvent):
    """A look at an image in the making."""

    type: Literal["image_generation.partial_image"]
    partial_image_index: int
    """0-based, per image."""


class CompletedImage(_StreamEvent):
    """A finished image."""

    type: Literal["image_generation.completed"]


ImageEvent: TypeAlias = Annotated[PartialImage | CompletedImage, Field(discriminator="type")]


class Model(_Answer):
    """A model that the server draws with."""

    id: str
    created: int | None = None
    owned_by: str | None = None
