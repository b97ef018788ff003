"""The two clients: they send, wait and close. What is sent and what an answer means is decided in `_wire`."""

from __future__ import annotations

import contextlib
from typing import Generic, Self, TypeVar

import httpx2

from darkroom._options import LIMITS, WITHOUT_PROXY, resolve_options
from darkroom._resources import AsyncImages, AsyncModels, Images, Models
from darkroom._retries import attempts
from darkroom._wire import Call, connection_errors, status_error

HttpT = TypeVar("HttpT", httpx2.Client, httpx2.AsyncClient)


class _Client(Generic[HttpT]):
    """The address, key and patience that both clients have."""

    def __init__(
        self,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        timeout: float | httpx2.Timeout | None = None,
        max_retries: int | None = None,
        http_client: HttpT | None = None,
    ) -> None:
        """`base_url` is the server's address without `/v1` (DARKROOM_BASE_URL, else http://127.0.0.1:8000).

        `api_key` (DARKROOM_API_KEY) goes to that address only. `timeout`, in seconds, bounds the silence of each
        attempt, 600 by default. `max_retries` further attempts follow connection errors, 408, 429 and 500 or above,
        2 by default. An `http_client` of your own is never closed. Raises `ValueError`.
        """
        self._options = resolve_options(base_url=base_url, api_key=api_key, timeout=timeout, max_retries=max_retries)
        self._owns_http = http_client is None
        self._http: HttpT = http_client if http_client is not None else self._new_http()

    def _new_http(self) -> HttpT:
        raise NotImplementedError

    def with_options(
        self,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        timeout: float | httpx2.Timeout | None = None,
        max_retries: int | None = None,
    ) -> Self:
        """A client that differs in what is given, over the same connections; closing it closes nothing."""
        mine = self._options
        return type(self)(
            base_url=base_url or mine.base_url,
            api_key=api_key or mine.api_key,
            timeout=mine.timeout if timeout is None else timeout,
            max_retries=mine.max_retries if max_retries is None else max_retries,
            http_client=self._http,
        )

    @property
    def base_url(self) -> str:
        return self._options.base_url

    def __repr__(self) -> str:
        key = None if self._options.api_key is None else "***"
        return f"{type(self).__name__}(base_url={self._options.base_url!r}, api_key={key!r})"


class Darkroom(_Client[httpx2.Client]):
    """A Darkroom server, called synchronously; threads may share it. Calls raise what `darkroom.errors` draws."""

    @property
    def images(self) -> Images:
        return Images(self._send)

    @property
    def models(self) -> Models:
        return Models(self._send)

    def _new_http(self) -> httpx2.Client:
        return httpx2.Client(limits=LIMITS, mounts=WITHOUT_PROXY)

    def _send(self, call: Call, *, stream: bool = False) -> httpx2.Response:
        for attempt in attempts(self._options.max_retries):
            with attempt, connection_errors(self._options.base_url):
                request = self._http.build_request(**call.arguments(self._options))
                response = self._http.send(request, stream=stream, follow_redirects=False)
                if response.is_success:
                    return response
                with contextlib.closing(response):
                    response.read()
                raise status_error(response)
        raise AssertionError("the last attempt returns or raises")

    def close(self) -> None:
        if self._owns_http:
            self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class AsyncDarkroom(_Client[httpx2.AsyncClient]):
    """A Darkroom server, called asynchronously. Calls raise what `darkroom.errors` draws."""

    @property
    def images(self) -> AsyncImages:
        return AsyncImages(self._send)

    @property
    def models(self) -> AsyncModels:
        return AsyncModels(self._send)

    def _new_http(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(limits=LIMITS, mounts=WITHOUT_PROXY)

    async def _send(self, call: Call, *, stream: bool = False) -> httpx2.Response:
        async for attempt in attempts(self._options.max_retries):
            with attempt, connection_errors(self._options.base_url):
                request = self._http.build_request(**call.arguments(self._options))
                response = await self._http.send(request, stream=stream, follow_redirects=False)
                if response.is_success:
                    return response
                async with contextlib.aclosing(response):
                    await response.aread()
                raise status_error(response)
        raise AssertionError("the last attempt returns or raises")

    async def close(self) -> None:
        if self._owns_http:
            await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()
