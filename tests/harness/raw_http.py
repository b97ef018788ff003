"""HTTP/1.1 by hand, for what no HTTP library would send: bytes out, answers in."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import socket
import time
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, cast

GET = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
LAST_GET = GET[:-2] + b"Connection: close\r\n\r\n"
POST = b"POST /v1/images/generations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
BETWEEN_SEGMENTS_S = 0.01
"""Long enough for the server to read one segment before the next is sent."""


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def closes(self) -> bool:
        return self.headers.get("connection") == "close"


@contextlib.contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield connection


def read_to_end(connection: socket.socket) -> bytes:
    """What comes until the server closes."""
    parts = []
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


def exchange(port: int, segments: Iterable[bytes], *, method: str = "GET") -> list[Answer]:
    """Send the segments apart from each other, whatever comes back, then read until the server closes.

    `method` is the first request's.
    """
    with connected(port) as connection:
        with contextlib.suppress(ConnectionError):
            for index, segment in enumerate(segments):
                if index:
                    time.sleep(BETWEEN_SEGMENTS_S)
                connection.sendall(segment)
        return answers_in(read_to_end(connection), method)


class _Stream(io.BytesIO):
    """Stays open when the answer that was read from it is closed; poses as the socket too."""

    def makefile(self, mode: str) -> io.BytesIO:
        return self

    def close(self) -> None:
        pass


def answers_in(raw: bytes, method: str = "GET") -> list[Answer]:
    """Every final answer in what a server sent; `method` is that of the first one's request."""
    stream = _Stream(raw)
    answers = []
    while stream.tell() < len(raw):
        response = http.client.HTTPResponse(cast(Any, stream), method=method)
        response.begin()
        answers.append(Answer(response.status, response.headers, response.read()))
        method = "GET"
    return answers


def assert_refused(answers: list[Answer], status: int) -> None:
    """One answer, with this status, in the shape that the official clients read; then the end."""
    (answer,) = answers
    assert answer.status == status
    assert answer.closes
    assert set(json.loads(answer.body)["error"]) == {"message", "type", "param", "code"}
