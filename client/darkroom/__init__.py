"""The Python SDK of Darkroom, a text-to-image server.

    from darkroom import Darkroom

    with Darkroom(base_url="http://127.0.0.1:8000") as client:
        client.images.generate(prompt="a red circle on a white background")[0].save("circle.png")

Each name is imported on first use, so that `darkroom --help` does not load the HTTP stack.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from darkroom._version import __version__

if TYPE_CHECKING:
    from darkroom._async.client import AsyncDarkroom
    from darkroom._async.files import AsyncJobImage
    from darkroom._async.job import AsyncJob
    from darkroom._async.streams import AsyncImageStream, AsyncJobEvents
    from darkroom._core.retries import Retry
    from darkroom._sync.client import Darkroom
    from darkroom._sync.files import JobImage
    from darkroom._sync.job import Job
    from darkroom._sync.streams import ImageStream, JobEvents
    from darkroom.errors import (
        APIConnectionError,
        APIStatusError,
        APITimeoutError,
        AuthenticationError,
        BadRequestError,
        ConflictError,
        DarkroomError,
        GoneError,
        InternalServerError,
        InvalidResponseError,
        JobCanceledError,
        JobDeletedError,
        JobError,
        JobFailedError,
        JobTimeoutError,
        NotFoundError,
        PermissionDeniedError,
        RateLimitError,
        RedirectError,
        StreamError,
        UnprocessableEntityError,
    )
    from darkroom.results.events import (
        ImageReady,
        JobEnded,
        JobEvent,
        JobFailed,
        PreviewReady,
        ProgressMade,
        StatusChanged,
    )
    from darkroom.results.images import (
        CompletedImage,
        Image,
        ImageEvent,
        ImagesResult,
        PartialImage,
        PromptTokens,
        TextTokens,
    )
    from darkroom.results.jobs import ImageRecord, JobRecord, JobSummary
    from darkroom.results.keys import ApiKey, KeyQuotas, NewApiKey
    from darkroom.results.raw import RawResponse
    from darkroom.results.server import Capabilities, Link, Model, Upload
    from darkroom.results.webhooks import WebhookDelivery, WebhookSecret
    from darkroom.types import EditParams, GenerateParams, ImageInput, JobParams, StreamParams

_EXPORTS: Final = {
    "_async.client": ("AsyncDarkroom",),
    "_async.files": ("AsyncJobImage",),
    "_async.job": ("AsyncJob",),
    "_async.streams": ("AsyncImageStream", "AsyncJobEvents"),
    "_core.retries": ("Retry",),
    "_sync.client": ("Darkroom",),
    "_sync.files": ("JobImage",),
    "_sync.job": ("Job",),
    "_sync.streams": ("ImageStream", "JobEvents"),
    "results.events": (
        "ImageReady",
        "JobEnded",
        "JobEvent",
        "JobFailed",
        "PreviewReady",
        "ProgressMade",
        "StatusChanged",
    ),
    "results.images": (
        "CompletedImage",
        "Image",
        "ImageEvent",
        "ImagesResult",
        "PartialImage",
        "PromptTokens",
        "TextTokens",
    ),
    "results.jobs": ("ImageRecord", "JobRecord", "JobSummary"),
    "results.keys": ("ApiKey", "KeyQuotas", "NewApiKey"),
    "results.raw": ("RawResponse",),
    "results.server": ("Capabilities", "Link", "Model", "Upload"),
    "results.webhooks": ("WebhookDelivery", "WebhookSecret"),
    "types": ("EditParams", "GenerateParams", "ImageInput", "JobParams", "StreamParams"),
}
"""The module of each public name that is not an error; all errors are in `errors`."""
_MODULES: Final = {name: module for module, names in _EXPORTS.items() for name in names}

__all__ = [
    "APIConnectionError",
    "APIStatusError",
    "APITimeoutError",
    "ApiKey",
    "AsyncDarkroom",
    "AsyncImageStream",
    "AsyncJob",
    "AsyncJobEvents",
    "AsyncJobImage",
    "AuthenticationError",
    "BadRequestError",
    "Capabilities",
    "CompletedImage",
    "ConflictError",
    "Darkroom",
    "DarkroomError",
    "EditParams",
    "GenerateParams",
    "GoneError",
    "Image",
    "ImageEvent",
    "ImageInput",
    "ImageReady",
    "ImageRecord",
    "ImageStream",
    "ImagesResult",
    "InternalServerError",
    "InvalidResponseError",
    "Job",
    "JobCanceledError",
    "JobDeletedError",
    "JobEnded",
    "JobError",
    "JobEvent",
    "JobEvents",
    "JobFailed",
    "JobFailedError",
    "JobImage",
    "JobParams",
    "JobRecord",
    "JobSummary",
    "JobTimeoutError",
    "KeyQuotas",
    "Link",
    "Model",
    "NewApiKey",
    "NotFoundError",
    "PartialImage",
    "PermissionDeniedError",
    "PreviewReady",
    "ProgressMade",
    "PromptTokens",
    "RateLimitError",
    "RawResponse",
    "RedirectError",
    "Retry",
    "StatusChanged",
    "StreamError",
    "StreamParams",
    "TextTokens",
    "UnprocessableEntityError",
    "Upload",
    "WebhookDelivery",
    "WebhookSecret",
    "__version__",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'darkroom' has no attribute '{name}'")
    return getattr(importlib.import_module(f"darkroom.{_MODULES.get(name, 'errors')}"), name)
