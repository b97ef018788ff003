"""The --server and --api-key-file options that commands share, and the backend that they select."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from darkroom.cli.backends import Backend

FindLocal: TypeAlias = Callable[[], Backend | None]
"""A function that returns the local backend, or None where none is installed. The context keeps it as `obj`."""

ServerOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--server",
        metavar="URL",
        envvar="DARKROOM_BASE_URL",
        help="URL of a Darkroom server, http://HOST:PORT. The API key, if the server needs one, is read from "
        "DARKROOM_API_KEY or from --api-key-file.",
    ),
]
KeyFileOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--api-key-file",
        metavar="FILE",
        help="File that contains the server's API key. There is no option for the key itself, because other users of "
        "this machine could see it in the list of processes.",
    ),
]


def select_backend(find_local: FindLocal, server: str | None, key_file: Path | None = None) -> tuple[Backend, bool]:
    """Return the backend and whether it is remote.

    It is remote where `server` is given or no local backend is installed. Raises `typer.BadParameter` for a key that
    no server would get, or that cannot be read.
    """
    local = find_local() if server is None else None
    if local is None:
        from darkroom.cli.remote import RemoteBackend, read_key

        return RemoteBackend(server, read_key(key_file)), True
    if key_file is not None:
        raise typer.BadParameter("it needs --server, whose key it holds", param_hint=["--api-key-file"])
    return local, False
