"""The Python SDK of Darkroom, a text-to-image server.

    from darkroom import Darkroom

    with Darkroom(base_url="http://127.0.0.1:8000") as client:
        client.images.generate(prompt="a red circle on a white background").images[0].save("circle.png")

Each name is imported on first use, so that `darkroom --help` does not load the HTTP stack.
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
    from darkroom.results import (
        CompletedImage,
        Image,
        ImageEvent,
        ImagesResult,
        Model,
        PartialImage,
        PromptTokens,
        TextTokens,
    )
    from darkroom.types import GenerateParams

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
    "PromptTokens",
    "RateLimitError",
    "StreamError",
    "TextTokens",
    "UnprocessableEntityError",
    "__version__",
]

_MODULES: Final = ("errors", "types", "results", "_streaming", "_client")
"""Where the public names are looked for, in this order."""


def __getattr__(name: str) -> Any:
    if name in __all__:
        for module_name in _MODULES:
            module = importlib.import_module(f"darkroom.{module_name}")
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f"module 'darkroom' has no attribute '{name}'")
