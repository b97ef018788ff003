"""Drives either client from synchronous code, so that one test covers both. Neither waits long between tries."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import anyio
import httpx2

from darkroom import AsyncDarkroom, Darkroom, ImageReady

Handler: TypeAlias = Callable[[httpx2.Request], httpx2.Response]
Client: TypeAlias = Any
"""A `Darkroom`, or a `Blocking` around an `AsyncDarkroom`, which has the same methods."""
LONGEST_WAIT_S = 0.01


class ImpatientDarkroom(Darkroom):
    """Waits a hundredth of a second at most."""

    def _sleep(self, seconds: float) -> None:
        time.sleep(min(seconds, LONGEST_WAIT_S))


class ImpatientAsyncDarkroom(AsyncDarkroom):
    """Waits a hundredth of a second at most."""

    async def _sleep(self, seconds: float) -> None:
        await anyio.sleep(min(seconds, LONGEST_WAIT_S))


class Blocking:
    """Stands in for an asynchronous object: it awaits what that returns, and iterates over what that yields."""

    def __init__(self, target: Any, runner: asyncio.Runner) -> None:
        self._target = target
        self._runner = runner

    def __getattr__(self, name: str) -> Any:
        return self._blocking(getattr(self._target, name))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._blocking(self._target(*args, **kwargs))

    def __iter__(self) -> Iterator[Any]:
        events = self._target.__aiter__()
        while True:
            try:
                yield self._blocking(self._run(events.__anext__()))
            except StopAsyncIteration:
                return

    def __enter__(self) -> Blocking:
        self._run(self._target.__aenter__())
        return self

    def __exit__(self, *exc: object) -> None:
        self._run(self._target.__aexit__(*exc))

    def __repr__(self) -> str:
        return repr(self._target)

    def _run(self, awaitable: Any) -> Any:
        async def wait() -> Any:
            return await awaitable

        return self._runner.run(wait())

    def _blocking(self, value: Any) -> Any:
        if inspect.isawaitable(value):
            value = self._run(value)
        if isinstance(value, list):
            return [self._blocking(each) for each in value]
        if isinstance(value, ImageReady):
            return ImageReady(self._blocking(value.image))
        is_async = inspect.ismethod(value) or inspect.isasyncgen(value) or "_async" in type(value).__module__
        return Blocking(value, self._runner) if is_async else value


class Clients:
    """Makes clients of one kind, and closes them."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._runner = asyncio.Runner()
        self._closing: list[Callable[[], object]] = []

    def __call__(self, handler: Handler | None, **options: Any) -> Client:
        """Return a client whose requests go to a handler, or to the network where the handler is None."""
        if self.kind == "sync":
            return self._sync(handler, options)
        http = None if handler is None else httpx2.AsyncClient(transport=httpx2.MockTransport(handler))
        client = Blocking(ImpatientAsyncDarkroom(http_client=http, **options), self._runner)
        self._closing += [client.close] if http is None else [client.close, Blocking(http, self._runner).aclose]
        return client

    def _sync(self, handler: Handler | None, options: dict[str, Any]) -> Client:
        http = None if handler is None else httpx2.Client(transport=httpx2.MockTransport(handler))
        client = ImpatientDarkroom(http_client=http, **options)
        self._closing += [client.close] if http is None else [client.close, http.close]
        return client

    def close(self) -> None:
        for close in self._closing:
            close()
        self._runner.close()
