"""Sends requests, waits between tries, and keeps the last answer for callers who ask for it."""

from __future__ import annotations

import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

import httpx2
from typing_extensions import Self

from darkroom._core.decoding import connection_errors, status_error
from darkroom._core.options import Options
from darkroom._core.requests import Request
from darkroom._core.retries import Retries, Retry
from darkroom.errors import DarkroomError
from darkroom.types import CallOptions

T = TypeVar("T")


class AsyncTransport:
    """Sends requests with one HTTP client and the options of one Darkroom client."""

    def __init__(
        self,
        http: httpx2.AsyncClient,
        options: Options,
        sleep: Callable[[float], Awaitable[None]],
        *,
        keeps_response: bool = False,
    ) -> None:
        self.options = options
        self.response: httpx2.Response | None = None
        """The last answer, where it is kept."""
        self._http = http
        self._sleep = sleep
        self._keeps_response = keeps_response

    def for_one_call(self) -> Self:
        """Return a transport that keeps the answer to the only call that it is used for."""
        return type(self)(self._http, self.options, self._sleep, keeps_response=True)

    async def call(self, request: Request[T], call: CallOptions) -> T:
        """Send a request and read its answer. Raises the errors of `darkroom.errors`."""
        response = await self._send(request.with_call(call), self.options.with_call(call), stream=False)
        if self._keeps_response:
            self.response = response
        return request.read(response)

    async def open(self, request: Request[None], call: CallOptions) -> httpx2.Response:
        """Send a request and return its answer before the body has been read. The caller closes it."""
        return await self._send(request.with_call(call), self.options.with_call(call), stream=True)

    @contextlib.asynccontextmanager
    async def stream(self, request: Request[None]) -> AsyncIterator[httpx2.Response]:
        """Send a request once, and close its answer at the end. Turns all errors of the connection into ours."""
        with connection_errors(self.options.base_url):
            response = await self._try(request, self.options, 0, stream=True)
            async with contextlib.aclosing(response):
                yield response

    async def wait(self, retry: Retry) -> None:
        """Wait until the next try."""
        if self.options.on_retry is not None:
            self.options.on_retry(retry)
        await self._sleep(retry.wait_s)

    async def sleep(self, seconds: float) -> None:
        await self._sleep(seconds)

    async def _send(self, request: Request[T], options: Options, *, stream: bool) -> httpx2.Response:
        retries = Retries(options.max_retries)
        while True:
            try:
                with connection_errors(options.base_url):
                    return await self._try(request, options, retries.tries, stream=stream)
            except DarkroomError as error:
                # Jitter between clients needs no secrecy.
                retry = retries.after(error, random.random())  # noqa: S311
                if retry is None:
                    raise
            await self.wait(retry)

    async def _try(self, request: Request[T], options: Options, tries: int, *, stream: bool) -> httpx2.Response:
        http_request = self._http.build_request(**request.http_arguments(options, tries))
        response = await self._http.send(http_request, stream=stream, follow_redirects=False)
        if request.is_done(response.status_code, tries):
            return response
        async with contextlib.aclosing(response):
            await response.aread()
        raise status_error(response, request.arguments)
