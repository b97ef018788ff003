"""One way to drive both clients, so that every claim is made of both."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

import httpx2

from darkroom import AsyncDarkroom, Darkroom, ImageEvent, ImagesResult, Model

Handler: TypeAlias = Callable[[httpx2.Request], httpx2.Response]


class Driver(Protocol):
    """A client, called to the end of each call."""

    def generate(self, **params: Any) -> ImagesResult: ...

    def stream(self, **params: Any) -> list[ImageEvent]: ...

    def models(self) -> list[Model]: ...

    def close(self) -> None: ...


class SyncDriver:
    def __init__(self, handler: Handler | None, **options: Any) -> None:
        self.http = None if handler is None else httpx2.Client(transport=httpx2.MockTransport(handler))
        self.client = Darkroom(http_client=self.http, **options)

    def generate(self, **params: Any) -> ImagesResult:
        return self.client.images.generate(**params)

    def stream(self, **params: Any) -> list[ImageEvent]:
        with self.client.images.stream(**params) as stream:
            return list(stream)

    def models(self) -> list[Model]:
        return self.client.models.list()

    def close(self) -> None:
        self.client.close()
        if self.http is not None:
            self.http.close()


class AsyncDriver:
    def __init__(self, handler: Handler | None, **options: Any) -> None:
        self.runner = asyncio.Runner()
        self.http = None if handler is None else httpx2.AsyncClient(transport=httpx2.MockTransport(handler))
        self.client = AsyncDarkroom(http_client=self.http, **options)

    def generate(self, **params: Any) -> ImagesResult:
        return self.runner.run(self.client.images.generate(**params))

    def stream(self, **params: Any) -> list[ImageEvent]:
        async def collect() -> list[ImageEvent]:
            async with await self.client.images.stream(**params) as stream:
                return [event async for event in stream]

        return self.runner.run(collect())

    def models(self) -> list[Model]:
        return self.runner.run(self.client.models.list())

    def close(self) -> None:
        self.runner.run(self.client.close())
        if self.http is not None:
            self.runner.run(self.http.aclose())
        self.runner.close()
