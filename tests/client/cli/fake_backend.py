"""A backend without torch or a server: the client with answers that the tests choose.

Run as a command, it waits forever once it is asked to generate, for tests of Ctrl-C.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, TypeAlias

import httpx2

from darkroom import AsyncDarkroom, DarkroomError
from darkroom.cli.app import build_app, run
from darkroom.cli.backends import FoundModel, Watch
from tests.client import answers

Answer: TypeAlias = Callable[[dict[str, Any]], httpx2.Response]
"""Answers the body of a request."""


class FakeBackend:
    """Implements `darkroom.cli.backends.Backend`."""

    def __init__(self, answer: Answer | None = None, failure: DarkroomError | None = None) -> None:
        """Without `answer` every request gets one image. `connect` raises `failure`, if there is one."""
        self.bodies: list[dict[str, Any]] = []
        self.loaded: list[str | None] = []
        self._answer = answer or (lambda body: answers.images(body.get("seed", 99)))
        self._failure = failure

    def models(self) -> Sequence[FoundModel]:
        return [FoundModel("bundled", "/models/bundled"), FoundModel("sd", "/models/sd")]

    @contextlib.asynccontextmanager
    async def connect(self, *, model: str | None, watch: Watch) -> AsyncIterator[AsyncDarkroom]:
        self.loaded.append(model)
        if self._failure is not None:
            raise self._failure
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(self._respond)) as http:
            yield AsyncDarkroom(http_client=http)

    def _respond(self, request: httpx2.Request) -> httpx2.Response:
        self.bodies.append(json.loads(request.content))
        return self._answer(self.bodies[-1])


class HangingBackend(FakeBackend):
    """Never connects."""

    @contextlib.asynccontextmanager
    async def connect(self, *, model: str | None, watch: Watch) -> AsyncIterator[AsyncDarkroom]:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        try:
            await asyncio.Event().wait()
            yield AsyncDarkroom()
        finally:
            sys.stdout.write("cleaned up\n")


if __name__ == "__main__":
    # A process that was started in the background of a script ignores Ctrl-C, and passes that on to its children.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(run(build_app([], HangingBackend), sys.argv[1:]))
