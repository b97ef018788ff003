"""Both clients over a handler or a real server, without waits between retries."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeAlias

import httpx2
import pytest
import stamina

from darkroom import AsyncDarkroom, Darkroom, ImageEvent, ImagesResult, Model

Handler: TypeAlias = Callable[[httpx2.Request], httpx2.Response]


class Driver(Protocol):
    """Calls one of the clients and returns the result of each call, so that one test covers both clients."""

    def generate(self, **params: Any) -> ImagesResult: ...

    def stream(self, **params: Any) -> list[ImageEvent]: ...

    def models(self) -> list[Model]: ...

    def close(self) -> None: ...


Drive: TypeAlias = Callable[..., Driver]


class SyncDriver:
    """Drives `Darkroom`."""

    def __init__(self, handler: Handler | None, **options: Any) -> None:
        self._http = None if handler is None else httpx2.Client(transport=httpx2.MockTransport(handler))
        self._client = Darkroom(http_client=self._http, **options)

    def generate(self, **params: Any) -> ImagesResult:
        return self._client.images.generate(**params)

    def stream(self, **params: Any) -> list[ImageEvent]:
        with self._client.images.stream(**params) as stream:
            return list(stream)

    def models(self) -> list[Model]:
        return self._client.models.list()

    def close(self) -> None:
        self._client.close()
        if self._http is not None:
            self._http.close()


class AsyncDriver:
    """Drives `AsyncDarkroom`."""

    def __init__(self, handler: Handler | None, **options: Any) -> None:
        self._runner = asyncio.Runner()
        self._http = None if handler is None else httpx2.AsyncClient(transport=httpx2.MockTransport(handler))
        self._client = AsyncDarkroom(http_client=self._http, **options)

    def generate(self, **params: Any) -> ImagesResult:
        return self._runner.run(self._client.images.generate(**params))

    def stream(self, **params: Any) -> list[ImageEvent]:
        async def collect() -> list[ImageEvent]:
            async with await self._client.images.stream(**params) as stream:
                return [event async for event in stream]

        return self._runner.run(collect())

    def models(self) -> list[Model]:
        return self._runner.run(self._client.models.list())

    def close(self) -> None:
        self._runner.run(self._client.close())
        if self._http is not None:
            self._runner.run(self._http.aclose())
        self._runner.close()


@pytest.fixture(autouse=True)
def immediate_retries(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Use stamina's test mode, which does not wait and allows every attempt. Remove the user's own settings."""
    monkeypatch.delenv("DARKROOM_BASE_URL", raising=False)
    monkeypatch.delenv("DARKROOM_API_KEY", raising=False)
    with stamina.set_testing(True, attempts=1000, cap=True):
        yield


@pytest.fixture(params=[SyncDriver, AsyncDriver], ids=["sync", "async"])
def drive(request: pytest.FixtureRequest) -> Iterator[Drive]:
    """Creates a client of either kind whose requests go to a handler, or to the network where the handler is None."""
    drivers: list[Driver] = []

    def make(handler: Handler | None, **options: Any) -> Driver:
        drivers.append(request.param(handler, **options))
        return drivers[-1]

    yield make
    for driver in drivers:
        driver.close()
