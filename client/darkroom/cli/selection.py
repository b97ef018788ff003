"""The --server option that commands share, and the backend that it selects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, TypeAlias

import typer

from darkroom.cli.backends import Backend

FindLocal: TypeAlias = Callable[[], Backend | None]
"""Returns the local backend, or None where none is installed. Kept in the context's `obj`, called only when needed."""

ServerOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--server",
        metavar="URL",
        envvar="DARKROOM_BASE_URL",
        help="A Darkroom server, http://HOST:PORT. Its API key, if it needs one, is read from DARKROOM_API_KEY.",
    ),
]


def select_backend(find_local: FindLocal, server: str | None) -> tuple[Backend, bool]:
    """Return the backend and whether it is remote.

    It is remote where `server` is given or no local backend is installed.
    """
    local = find_local() if server is None else None
    if local is not None:
        return local, False
    from darkroom.cli.remote import RemoteBackend

    return RemoteBackend(server), True
