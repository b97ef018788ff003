"""HTTP/1.1 over plain sockets, for tests that send what no HTTP library would send."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import socket
import time
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, cast

RAW_HOST = "x"
"""The host that raw requests of tests name."""
GET = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
LAST_GET = GET[:-2] + b"Connection: close\r\n\r\n"
POST = b"POST /v1/images/generations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
BETWEEN_SEGMENTS_S = 0.01
"""Seconds between two segments, so that the server reads one before the next arrives."""


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def closes(self) -> bool:
        """Returns whether the answer announces that the server closes the connection."""
        return self.headers.get("connection") == "close"


@contextlib.contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield connection


def read_to_end(connection: socket.socket) -> bytes:
    """Return everything that the server sends until it closes the connection."""
    parts = []
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


def exchange(port: int, segments: Iterable[bytes], *, method: str = "GET") -> list[Answer]:
    """Send the segments with pauses in between, and return the answers that came until the server closed.

    `method` is the method of the first request.
    """
    with connected(port) as connection:
        with contextlib.suppress(ConnectionError):
            for index, segment in enumerate(segments):
                if index:
                    time.sleep(BETWEEN_SEGMENTS_S)
                connection.sendall(segment)
        return answers_in(read_to_end(connection), method)


class _Stream(io.BytesIO):
    """Stands in for a socket and its file. Stays open when `http.client` closes an answer, so that the next follows."""

    def makefile(self, mode: str) -> io.BytesIO:
        return self

    def close(self) -> None:
        pass


def answers_in(raw: bytes, method: str = "GET") -> list[Answer]:
    """Return all final answers in the bytes of a server. `method` is the method of the first request."""
    stream = _Stream(raw)
    answers = []
    while stream.tell() < len(raw):
        response = http.client.HTTPResponse(cast(Any, stream), method=method)
        response.begin()
        answers.append(Answer(response.status, response.headers, response.read()))
        method = "GET"
    return answers


OPENAI_SHAPE = ("application/json", {"error"})
PROBLEM_SHAPE = ("application/problem+json", {"type", "title", "status", "detail", "code", "errors"})


def assert_refused(answers: list[Answer], status: int) -> None:
    """Check for a single answer that has this status and a dialect's error shape and announces the close."""
    (answer,) = answers
    assert answer.status == status
    assert answer.closes
    assert shape_of(answer) in (OPENAI_SHAPE, PROBLEM_SHAPE)


def shape_of(answer: Answer) -> tuple[str | None, set[str]]:
    return answer.headers["content-type"], set(json.loads(answer.body))
