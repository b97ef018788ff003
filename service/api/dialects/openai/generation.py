"""One request for images, understood: what its answers say of the images, and how they are encoded."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from pipelines.interface import RgbImage
from service.api.dependencies import Services
from service.api.dialects.openai.resolve import Plan
from service.api.dialects.openai.schemas import ImageRequest
from service.api.generation.sizes import spell
from service.api.http.request_body import Parsed
from service.engine.interface import ImageFinished
from service.images.encoding import ImageFormat

ResponseFormat: TypeAlias = Literal["b64_json", "url"]

_QUALITIES: Final = {"standard": "medium", "hd": "high", "auto": "medium"}
"""Names of OpenAI's older models for the qualities, and those that answers may use."""


@dataclass(frozen=True, slots=True)
class Generation:
    services: Services
    parsed: Parsed[ImageRequest]
    plan: Plan
    model: str
    sole_format: ImageFormat | None
    """Format of an image that is the whole answer; None where the answer is JSON or a stream."""
    response_format: ResponseFormat = "b64_json"
    """The form of the images in a JSON answer."""
    events: Literal["image_generation", "image_edit"] = "image_generation"
    """First part of the names of a stream's events."""

    @property
    def stores_images(self) -> bool:
        """Whether the images are stored, and answered by their addresses."""
        return self.response_format == "url" and self.sole_format is None

    @property
    def output_format(self) -> ImageFormat:
        return self.sole_format or self.parsed.request.output_format or "png"

    @property
    def response_fields(self) -> dict[str, Any]:
        """Fields that every answer and every event have in common."""
        first, quality = self.plan.images[0], self.parsed.request.quality
        return {
            "size": spell((first.width, first.height)),
            "quality": _QUALITIES.get(quality, quality),
            "background": "opaque",
            "output_format": self.output_format,
        }

    @property
    def headers(self) -> dict[str, str]:
        headers = {"X-Seed": str(self.plan.images[0].seed), **self.parsed.ignored_headers}
        if self.plan.adjusted:
            headers["X-Adjusted-Params"] = self.plan.adjusted
        return headers

    async def encode(self, pixels: RgbImage, parameters: str | None = None) -> bytes:
        """The image's file, at the size that was asked for."""
        first = self.plan.images[0]
        return await self.services.encoder.encode(
            pixels,
            self.output_format,
            quality=self.parsed.request.output_compression,
            size=(first.width, first.height),
            parameters=parameters,
        )

    async def encode_finished(self, image: ImageFinished) -> bytes:
        """The finished image's file, with its parameters in it where the settings say so."""
        return await self.encode(image.rgb_image, self.services.embedded(image.params, self.model))


def to_base64(file: bytes) -> str:
    return base64.b64encode(file).decode("ascii")
