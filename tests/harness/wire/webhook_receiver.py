"""A receiver of webhooks on loopback, in a thread, which answers as its test wants it to."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from tests.harness.wire.threaded_server import Quiet, threaded_server

_MAX_HANG_S = 60.0
"""A bound that is reached only in a broken test."""


@dataclass(frozen=True, slots=True)
class Received:
    path: str
    headers: dict[str, str]
    """The headers by their names in lower case."""
    body: bytes
    status: int
    """The answer. 0 is none."""


@dataclass(slots=True)
class Receiver:
    port: int = 0
    statuses: list[int] = field(default_factory=list)
    """Answers of the next requests; afterwards it is 204. 0 does not answer until `let_go`."""
    location: str | None = None
    """The Location field of every answer, as a redirect has it."""
    endless: bool = False
    """Whether the bodies of its answers never end."""
    received: list[Received] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/in"

    def let_go(self) -> None:
        self.released.set()

    def next_status(self) -> int:
        return self.statuses.pop(0) if self.statuses else 204


@contextlib.contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(Quiet, BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status = receiver.next_status()
            receiver.received.append(Received(self.path, headers, body, status))
            if status == 0:
                receiver.released.wait(_MAX_HANG_S)
                return
            self.send_response(status)
            if receiver.location is not None:
                self.send_header("Location", receiver.location)
            self.end_headers()
            with contextlib.suppress(OSError):  # Nobody reads on.
                while receiver.endless:
                    self.wfile.write(b"x" * 65536)

    def end() -> None:
        receiver.let_go()
        receiver.endless = False

    with threaded_server(Handler, end) as receiver.port:
        yield receiver
