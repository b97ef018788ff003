"""`darkroom models`: lists the models of this machine or of a server. Other distributions add subcommands to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import typer

from darkroom.cli.selection import ServerOption, select_backend

NAME: Final = "models"


def models_group(commands: Sequence[typer.Typer]) -> typer.Typer:
    """Return `darkroom models`, with the subcommands of the groups of that name in `commands`."""
    group = typer.Typer(invoke_without_command=True)
    group.callback()(list_models)
    for subcommands in commands:
        for info in subcommands.registered_groups:
            if info.name == NAME and info.typer_instance is not None:
                group.add_typer(info.typer_instance)
    return group


def list_models(context: typer.Context, server: ServerOption = None) -> None:
    """List the models on this machine, or those of a server.

    The models on this machine are the bundled one and the folders and files under DARKROOM_DATA_DIR/models.
    """
    if context.invoked_subcommand is not None:
        return
    from darkroom.cli.failures import explained

    backend, _ = select_backend(context.obj, server)
    with explained():
        found = backend.models()
    width = max((len(model.name) for model in found), default=0)
    for model in found:
        typer.echo(f"{model.name:<{width}}  {model.location}")
