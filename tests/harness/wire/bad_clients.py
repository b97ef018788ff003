"""Clients that hold connections without using them: heads and bodies that never end, readers that read nothing."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Final

from tests.harness.wire.raw_http import GET, POST

_LARGE_ANSWERS: Final = GET.replace(b"/livez", b"/openapi.json") * 3
"""Together far more than a socket with a small buffer takes."""


class BadClient(Enum):
    """The bytes that each kind of client sends first, before it goes on byte by byte."""

    SILENT = (b"", b"")
    SLOW_HEAD = (GET[:20], b"x")
    SLOW_BODY = (POST + b"Content-Length: 100000\r\n\r\n{", b" ")
    READS_NOTHING = (_LARGE_ANSWERS, b"")


@contextlib.contextmanager
def bad_clients(kind: BadClient, number: int, port: int) -> Iterator[Callable[[], None]]:
    """Connects them. Yields a function that has each send one more byte."""
    begin, more = kind.value
    with contextlib.ExitStack() as opened:
        clients = []
        for _ in range(number):
            client = opened.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.settimeout(60)
            client.connect(("127.0.0.1", port))
            client.sendall(begin)
            clients.append(client)

        def go_on() -> None:
            for client in clients:
                with contextlib.suppress(OSError):  # The server has closed it.
                    client.sendall(more)

        yield go_on
