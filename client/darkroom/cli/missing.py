"""The server's commands where the server is not installed: they say how to get it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import typer

SERVER_COMMANDS: Final = ("serve", "backup", "check", "health", "keys", "moderation", "webhooks")


def add_server_hints(app: typer.Typer, commands: Sequence[typer.Typer]) -> None:
    """Add those of the server's commands that none of `commands` has. The help does not list them."""
    settings = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
    for name in SERVER_COMMANDS:
        if not any(_has(group, name) for group in commands):
            app.command(name, hidden=True, context_settings=settings)(_explain)


def _has(group: typer.Typer, name: str) -> bool:
    commands = (info.name or getattr(info.callback, "__name__", None) for info in group.registered_commands)
    return name in commands or any(info.name == name for info in group.registered_groups)


def _explain(context: typer.Context) -> None:
    raise typer.TyperException(
        f"`darkroom {context.info_name}` is part of the server, which is not installed here. Only the client is. "
        "Get the repository and run `make run` in it, or `pip install ./client .`; it has a container, too."
    )
