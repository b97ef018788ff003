"""A plain HTTP server on loopback, in a thread of the test's process."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer
from typing import Any, Final

_POLL_S: Final = 0.01


class Quiet:
    """A handler's first base class, so that it writes no line to standard error for a request."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class's name
        pass


@contextlib.contextmanager
def threaded_server(handler: Callable[..., Any], at_end: Callable[[], object] = lambda: None) -> Iterator[int]:
    """Yields the port of a server with this class of handlers. `at_end` lets go of requests that a handler holds."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(_POLL_S,))
        thread.start()
        try:
            yield server.server_port
        finally:
            at_end()
            server.shutdown()
            thread.join()
