"""Distinguishes a client that only stopped sending from one that has gone.

Both send the same end of stream, and a server hears nothing more from either until it sends something: the machine of a
client that has closed its socket answers that with a reset. So the server asks by sending bytes that a waiting client
must ignore: `100 Continue` before an answer (RFC 9110, 15.2), a comment within a stream of events. The module knows
sockets and bytes, but not the state of a connection.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Final

ASK_EVERY_S: Final = 5.0
"""Seconds between two questions to a client that has stopped sending."""
LOOK_AFTER_S: Final = 0.05
"""Seconds from a question to the first look for its answer, the reset."""
UNASKED_S: Final = 2.0
"""Seconds. A client of HTTP/1.0 cannot be asked, and is taken to have gone if its answer does not begin by then."""

_INTERIM: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_COMMENT: Final = b"3\r\n:\n\n\r\n"
"""A comment of an event stream, as a chunk."""


def question(version: str, *, has_begun: bool, is_chunked_event_stream: bool) -> bytes | None:
    """Returns bytes that the client ignores, or None where there are none."""
    if has_begun:
        return _COMMENT if is_chunked_event_stream else None
    return _INTERIM if version == "1.1" else None


def is_reset(transport: asyncio.BaseTransport) -> bool:
    """Whether the client's machine has answered with a reset."""
    connection: socket.socket | None = transport.get_extra_info("socket")
    return (
        connection is not None
        and connection.fileno() >= 0
        and connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0
    )
