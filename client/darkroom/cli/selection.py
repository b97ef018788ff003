"""The --server option that commands share, and which backend it selects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, TypeAlias

import typer

from darkroom.cli.backends import Backend

FindLocal: TypeAlias = Callable[[], Backend | None]
"""The backend of this machine, where there is one. Kept in the context's `obj`, called only when it is needed."""

ServerOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--server",
        metavar="URL",
        envvar="DARKROOM_BASE_URL",
        help="A Darkroom server, http://HOST:PORT. Its API key, if it wants one, is read from DARKROOM_API_KEY.",
    ),
]


def select_backend(find_local: FindLocal, server: str | None) -> tuple[Backend, bool]:
    """The backend, and whether it is remote: it is where a server is named or nothing here can draw."""
    local = find_local() if server is None else None
    if local is not None:
        return local, False
    from darkroom.cli.remote import RemoteBackend

    return RemoteBackend(server), True
