"""Finds out whether more than this machine's owner can reach a listening socket."""

from __future__ import annotations

import socket
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from service.environment import is_loopback

NO_KEYS_IN_PUBLIC: Final = (
    "Everybody who can reach this address could use the server: it has no API keys. Make one with `darkroom keys "
    "create`, name a file of keys in DARKROOM_API_KEY_FILE, or set DARKROOM_REQUIRE_KEYS=false to serve everybody."
)
"""The message of a server that refuses to start."""


def is_exposed(listening: Iterable[socket.socket]) -> bool:
    """Whether other machines (or, on a Unix socket, other users of this one) can connect to one of the sockets."""
    return any(_is_exposed(each) for each in listening)


def _is_exposed(listening: socket.socket) -> bool:
    address = listening.getsockname()
    if listening.family == socket.AF_UNIX:
        # Whoever may write to the file may connect (unix(7)).
        return bool(Path(address).stat().st_mode & stat.S_IWOTH)
    return not is_loopback(address[0])
