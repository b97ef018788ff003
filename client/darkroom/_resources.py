"""What can be asked of a server, a class a noun: each method is a call, sent, and its answer, read."""

from __future__ import annotations

from typing import Protocol, Unpack

import httpx2

from darkroom._streaming import AsyncImageStream, ImageStream
from darkroom._wire import LIST_MODELS, Call, generation, read_images, read_models
from darkroom.types import GenerateParams, ImagesResult, Model


class Send(Protocol):
    """Sends with retries; raises what `darkroom.errors` draws. With `stream` the body is left unread."""

    def __call__(self, call: Call, *, stream: bool = False) -> httpx2.Response: ...


class AsyncSend(Protocol):
    async def __call__(self, call: Call, *, stream: bool = False) -> httpx2.Response: ...


class Images:
    def __init__(self, send: Send) -> None:
        self._send = send

    def generate(self, *, prompt: str, **params: Unpack[GenerateParams]) -> ImagesResult:
        """Make images and wait for all of them. `GenerateParams` tells the keywords."""
        return read_images(self._send(generation("generate", prompt, params)))

    def stream(self, *, prompt: str, partial_images: int = 0, **params: Unpack[GenerateParams]) -> ImageStream:
        """Make images and watch: up to `partial_images` (0 to 3) previews of each, then the image."""
        call = generation("stream", prompt, params, stream=True, partial_images=partial_images)
        return ImageStream(self._send(call, stream=True), params.get("n", 1))


class AsyncImages:
    def __init__(self, send: AsyncSend) -> None:
        self._send = send

    async def generate(self, *, prompt: str, **params: Unpack[GenerateParams]) -> ImagesResult:
        """Make images and wait for all of them. `GenerateParams` tells the keywords."""
        return read_images(await self._send(generation("generate", prompt, params)))

    async def stream(
        self, *, prompt: str, partial_images: int = 0, **params: Unpack[GenerateParams]
    ) -> AsyncImageStream:
        """Make images and watch: up to `partial_images` (0 to 3) previews of each, then the image."""
        call = generation("stream", prompt, params, stream=True, partial_images=partial_images)
        return AsyncImageStream(await self._send(call, stream=True), params.get("n", 1))


class Models:
    def __init__(self, send: Send) -> None:
        self._send = send

    def list(self) -> list[Model]:
        """The models that the server draws with."""
        return read_models(self._send(LIST_MODELS))


class AsyncModels:
    def __init__(self, send: AsyncSend) -> None:
        self._send = send

    async def list(self) -> list[Model]:
        """The models that the server draws with."""
        return read_models(await self._send(LIST_MODELS))
