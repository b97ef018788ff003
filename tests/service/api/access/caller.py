"""A client of the application without a socket: it stays, reads everything, and never hangs up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from starlette.types import Message

from tests.service.api.in_process import Api


class Caller:
    def __init__(
        self, api: Api, method: str, path: str, *, headers: Mapping[str, str], body: Mapping[str, Any] | None = None
    ) -> None:
        """Sends the request. Call it on the event loop."""
        self.sent: list[Message] = []
        self._begun = asyncio.Event()
        self._body = [msgspec.json.encode(body or {})]
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [
                (b"host", b"server.test"),
                (b"content-type", b"application/json"),
                *((name.lower().encode(), value.encode()) for name, value in headers.items()),
            ],
        }
        self._done = asyncio.create_task(api.app(scope, self._receive, self._send))

    @property
    def status(self) -> int:
        """The answer's status. The answer must have begun."""
        (status,) = [message["status"] for message in self.sent if message["type"] == "http.response.start"]
        assert isinstance(status, int)
        return status

    async def begun(self) -> None:
        """Waits until the answer has begun."""
        await self._begun.wait()

    async def done(self) -> None:
        """Waits until the application is done with the request. Raises what it raised."""
        await self._done

    async def _receive(self) -> Message:
        if not self._body:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": self._body.pop(), "more_body": False}

    async def _send(self, message: Message) -> None:
        self.sent.append(message)
        self._begun.set()


async def until(holds: Callable[[], bool]) -> None:
    """Waits until the condition holds. The time limit only ends a test that would hang."""
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 -- what is waited for has no event
            await asyncio.sleep(0.01)
