# Written by `python -m scripts.sync_client` from client/darkroom/_async/transport.py: change that instead.

"""Sends requests, waits between tries, and keeps the last answer for callers who ask for it."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator
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


class Transport:
    """Sends requests with one HTTP client and the options of one Darkroom client."""

    def __init__(
        self,
        http: httpx2.Client,
        options: Options,
        sleep: Callable[[float], None],
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

    def call(self, request: Request[T], call: CallOptions) -> T:
        """Send a request and read its answer. Raises the errors of `darkroom.errors`."""
        response = self._send(request.with_call(call), self.options.with_call(call), stream=False)
        if self._keeps_response:
            self.response = response
        return request.read(response)

    def open(self, request: Request[None], call: CallOptions) -> httpx2.Response:
        """Send a request and return its answer before the body has been read. The caller closes it."""
        return self._send(request.with_call(call), self.options.with_call(call), stream=True)

    @contextlib.contextmanager
    def stream(self, request: Request[None]) -> Iterator[httpx2.Response]:
        """Send a request once, and close its answer at the end. Turns all errors of the connection into ours."""
        with connection_errors(self.options.base_url):
            response = self._try(request, self.options, 0, stream=True)
            with contextlib.closing(response):
                yield response

    def wait(self, retry: Retry) -> None:
        """Wait until the next try."""
        if self.options.on_retry is not None:
            self.options.on_retry(retry)
        self._sleep(retry.wait_s)

    def sleep(self, seconds: float) -> None:
        self._sleep(seconds)

    def _send(self, request: Request[T], options: Options, *, stream: bool) -> httpx2.Response:
        retries = Retries(options.max_retries)
        while True:
            try:
                with connection_errors(options.base_url):
                    return self._try(request, options, retries.tries, stream=stream)
            except DarkroomError as error:
                # Jitter between clients needs no secrecy.
                retry = retries.after(error, random.random())  # noqa: S311
                if retry is None:
                    raise
            self.wait(retry)

    def _try(self, request: Request[T], options: Options, tries: int, *, stream: bool) -> httpx2.Response:
        http_request = self._http.build_request(**request.http_arguments(options, tries))
        response = self._http.send(http_request, stream=stream, follow_redirects=False)
        if request.is_done(response.status_code, tries):
            return response
        with contextlib.closing(response):
            response.read()
        raise status_error(response, request.arguments)
