"""The methods of the API, grouped as `client.images` and `client.models`. Each sends a request and reads the answer."""

from __future__ import annotations

from typing import Protocol, Unpack

import httpx2

from darkroom._streaming import AsyncImageStream, ImageStream
from darkroom._wire import LIST_MODELS, ApiRequest, generation_request, read_images, read_models
from darkroom.results import ImagesResult, Model
from darkroom.types import GenerateParams


class Send(Protocol):
    """Sends a request, with retries. With `stream` it returns before the body is read.

    Raises the errors of `darkroom.errors`.
    """

    def __call__(self, request: ApiRequest, *, stream: bool = False) -> httpx2.Response: ...


class AsyncSend(Protocol):
    """`Send` for `await`."""

    async def __call__(self, request: ApiRequest, *, stream: bool = False) -> httpx2.Response: ...


class Images:
    """`client.images`: generate images and return them all at once, or as a stream of events."""

    def __init__(self, send: Send) -> None:
        self._send = send

    def generate(self, *, prompt: str, **params: Unpack[GenerateParams]) -> ImagesResult:
        """Generate images and wait for all of them. `GenerateParams` describes the other arguments."""
        return read_images(self._send(generation_request("generate", prompt, params)))

    def stream(self, *, prompt: str, partial_images: int = 0, **params: Unpack[GenerateParams]) -> ImageStream:
        """Generate images and return their events: up to `partial_images` (0 to 3) previews of each, then the image."""
        request = generation_request("stream", prompt, params, stream=True, partial_images=partial_images)
        return ImageStream(self._send(request, stream=True), params.get("n", 1))


class AsyncImages:
    """`Images` for `await`."""

    def __init__(self, send: AsyncSend) -> None:
        self._send = send

    async def generate(self, *, prompt: str, **params: Unpack[GenerateParams]) -> ImagesResult:
        """Generate images and wait for all of them. `GenerateParams` describes the other arguments."""
        return read_images(await self._send(generation_request("generate", prompt, params)))

    async def stream(
        self, *, prompt: str, partial_images: int = 0, **params: Unpack[GenerateParams]
    ) -> AsyncImageStream:
        """Generate images and return their events: up to `partial_images` (0 to 3) previews of each, then the image."""
        request = generation_request("stream", prompt, params, stream=True, partial_images=partial_images)
        return AsyncImageStream(await self._send(request, stream=True), params.get("n", 1))


class Models:
    """`client.models`: list what the server serves."""

    def __init__(self, send: Send) -> None:
        self._send = send

    def list(self) -> list[Model]:
        """Return the models that the server serves."""
        return read_models(self._send(LIST_MODELS))


class AsyncModels:
    """`Models` for `await`."""

    def __init__(self, send: AsyncSend) -> None:
        self._send = send

    async def list(self) -> list[Model]:
        """Return the models that the server serves."""
        return read_models(await self._send(LIST_MODELS))
