"""The Python SDK of Darkroom, a text-to-image server.

    from darkroom import Darkroom

    with Darkroom(base_url="http://127.0.0.1:8000") as client:
        client.images.generate(prompt="a red circle on a white background").images[0].save("circle.png")

Names are imported when they are first used, so that `darkroom --help` does not wait for the HTTP stack.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from darkroom._version import __version__

if TYPE_CHECKING:
    from darkroom._client import AsyncDarkroom, Darkroom
    from darkroom._streaming import AsyncImageStream, ImageStream
    from darkroom.errors import (
        APIConnectionError,
        APIStatusError,
        APITimeoutError,
        AuthenticationError,
        BadRequestError,
        ConflictError,
        DarkroomError,
        InternalServerError,
        InvalidResponseError,
        NotFoundError,
        PermissionDeniedError,
        RateLimitError,
        StreamError,
        UnprocessableEntityError,
    )
    from darkroom.types import CompletedImage, GenerateParams, Image, ImageEvent, ImagesResult, Model, PartialImage

__all__ = [
    "APIConnectionError",
    "APIStatusError",
    "APITimeoutError",
    "AsyncDarkroom",
    "AsyncImageStream",
    "AuthenticationError",
    "BadRequestError",
    "CompletedImage",
    "ConflictError",
    "Darkroom",
    "DarkroomError",
    "GenerateParams",
    "Image",
    "ImageEvent",
    "ImageStream",
    "ImagesResult",
    "InternalServerError",
    "InvalidResponseError",
    "Model",
    "NotFoundError",
    "PartialImage",
    "PermissionDeniedError",
    "RateLimitError",
    "StreamError",
    "UnprocessableEntityError",
    "__version__",
]

_HOMES: Final = ("errors", "types", "_streaming", "_client")


def __getattr__(name: str) -> Any:
    if name in __all__:
        for home in _HOMES:
            module = importlib.import_module(f"darkroom.{home}")
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f"module 'darkroom' has no attribute '{name}'")
