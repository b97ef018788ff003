"""A cheap HTTP/1.1 client: requests are bytes that were built before, and answers are parsed no further than needed.

The generator shares its cores with the server that it measures, so that a client library would be measured with it.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

_END_OF_HEAD: Final = b"\r\n\r\n"
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_LOCATION: Final = re.compile(rb"\r\nlocation: *(\S+)", re.IGNORECASE)
_STATUS: Final = slice(9, 12)
"""The digits of the status in "HTTP/1.1 200 OK"."""


class Answer(NamedTuple):
    status: str
    head: bytes
    body: bytes

    @property
    def location(self) -> str:
        """The path of the new resource; empty where the answer names none."""
        found = _LOCATION.search(self.head)
        return found[1].decode() if found else ""


class Connection(asyncio.Protocol):
    """A connection to a port on loopback. One request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._size: int | None = None
        """Bytes of the answer; None until its head has arrived."""
        self._answer: asyncio.Future[Answer] | None = None

    @classmethod
    async def open(cls, port: int) -> Connection:
        """Connects to a port on loopback. Raises OSError."""
        _, connection = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        return connection

    async def ask(self, request: bytes) -> Answer:
        """Sends a request and returns its answer. Raises ConnectionError where the connection ends before that."""
        if self._transport is None:
            raise ConnectionResetError("the connection has ended")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    @property
    def is_open(self) -> bool:
        """Whether the server has kept the connection open after its last answer."""
        return self._transport is not None and not self._transport.is_closing()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._size is None:
            end = self._received.find(_END_OF_HEAD)
            if end < 0:
                return
            length = _LENGTH.search(self._received, 0, end)
            self._size = end + len(_END_OF_HEAD) + (int(length[1]) if length else 0)
        if len(self._received) >= self._size:
            self._finish()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionResetError("the connection ended before the answer"))

    def _finish(self) -> None:
        head, _, body = bytes(self._received[: self._size]).partition(_END_OF_HEAD)
        self._received.clear()
        self._size = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(Answer(head[_STATUS].decode(), head, body))


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".encode()


def post(path: str, body: Mapping[str, Any], key: str | None = None) -> bytes:
    """Returns a request with a JSON body. `key` is the caller's API key."""
    content = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
    if key is not None:
        head += f"authorization: Bearer {key}\r\n"
    return f"{head}content-length: {len(content)}\r\n\r\n".encode() + content
