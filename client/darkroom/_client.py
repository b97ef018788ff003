"""The two clients, `Darkroom` and `AsyncDarkroom`: they send requests, retry and close connections.

`_wire` decides what is sent and how an answer is read.
"""

from __future__ import annotations

import contextlib
from typing import Generic, Self, TypeVar

import httpx2

from darkroom._options import LIMITS, WITHOUT_PROXY, resolve_options
from darkroom._resources import AsyncImages, AsyncModels, Images, Models
from darkroom._retries import attempts
from darkroom._wire import ApiRequest, connection_errors, status_error

HttpT = TypeVar("HttpT", httpx2.Client, httpx2.AsyncClient)


class _Client(Generic[HttpT]):
    """The base of both clients: holds their options, and the HTTP client that they send with."""

    def __init__(
        self,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        timeout: float | httpx2.Timeout | None = None,
        max_retries: int | None = None,
        http_client: HttpT | None = None,
    ) -> None:
        """Create a client for one server.

        `base_url` is the server's address without `/v1`; the default is DARKROOM_BASE_URL, or http://127.0.0.1:8000.
        `api_key` is sent to that address only; the default is DARKROOM_API_KEY. `timeout` is the number of seconds
        that each attempt may pass without receiving anything; the default is 600. `max_retries` is the number of
        further attempts after a connection error or a status of 408, 429 or at least 500; the default is 2. The
        client never closes an `http_client` that you pass. Raises `ValueError` for an invalid value.
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
        """Return a client with these options changed that uses the same connections. Closing it does not close them."""
        current = self._options
        return type(self)(
            base_url=base_url or current.base_url,
            api_key=api_key or current.api_key,
            timeout=current.timeout if timeout is None else timeout,
            max_retries=current.max_retries if max_retries is None else max_retries,
            http_client=self._http,
        )

    @property
    def base_url(self) -> str:
        return self._options.base_url

    def __repr__(self) -> str:
        key = None if self._options.api_key is None else "***"
        return f"{type(self).__name__}(base_url={self._options.base_url!r}, api_key={key!r})"


class Darkroom(_Client[httpx2.Client]):
    """A synchronous client. Threads may share it. Calls raise the errors of `darkroom.errors`."""

    @property
    def images(self) -> Images:
        return Images(self._send)

    @property
    def models(self) -> Models:
        return Models(self._send)

    def _new_http(self) -> httpx2.Client:
        return httpx2.Client(limits=LIMITS, mounts=WITHOUT_PROXY)

    def _send(self, request: ApiRequest, *, stream: bool = False) -> httpx2.Response:
        for attempt in attempts(self._options.max_retries):
            with attempt, connection_errors(self._options.base_url):
                http_request = self._http.build_request(**request.arguments(self._options))
                response = self._http.send(http_request, stream=stream, follow_redirects=False)
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
    """An asynchronous client. Calls raise the errors of `darkroom.errors`."""

    @property
    def images(self) -> AsyncImages:
        return AsyncImages(self._send)

    @property
    def models(self) -> AsyncModels:
        return AsyncModels(self._send)

    def _new_http(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(limits=LIMITS, mounts=WITHOUT_PROXY)

    async def _send(self, request: ApiRequest, *, stream: bool = False) -> httpx2.Response:
        async for attempt in attempts(self._options.max_retries):
            with attempt, connection_errors(self._options.base_url):
                http_request = self._http.build_request(**request.arguments(self._options))
                response = await self._http.send(http_request, stream=stream, follow_redirects=False)
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
