"""`darkroom models`: lists the models of this machine or of a server. Other distributions add subcommands to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import typer

from darkroom.cli.commands.options import JsonOption
from darkroom.cli.selection import KeyFileOption, ServerOption, select_backend
from darkroom.cli.terminal.printing import print_json, print_table

NAME: Final = "models"


def models_group(commands: Sequence[typer.Typer]) -> typer.Typer:
    """Return `darkroom models`, with the subcommands of the groups of that name in `commands`."""
    group = typer.Typer(invoke_without_command=True)
    group.callback()(list_models)
    group.command("list")(print_models)
    for subcommands in commands:
        for info in subcommands.registered_groups:
            if info.name == NAME and info.typer_instance is not None:
                group.add_typer(info.typer_instance)
    return group


def list_models(
    context: typer.Context,
    prints_json: JsonOption = False,
    server: ServerOption = None,
    api_key_file: KeyFileOption = None,
) -> None:
    """List the models on this machine, or those of a server.

    The models on this machine are the bundled one and the folders and files under DARKROOM_DATA_DIR/models.

    Example:

        darkroom models --server http://127.0.0.1:8000
    """
    if context.invoked_subcommand is None:
        print_models(context, prints_json, server, api_key_file)


def print_models(
    context: typer.Context,
    prints_json: JsonOption = False,
    server: ServerOption = None,
    api_key_file: KeyFileOption = None,
) -> None:
    """List the models, as `darkroom models` does."""
    from darkroom.cli.failures import explained

    backend, _ = select_backend(context.obj, server, api_key_file)
    with explained():
        found = backend.models()
    if prints_json:
        print_json({"models": [{"name": model.name, "location": model.location} for model in found]})
    elif found:
        print_table([(model.name, model.location) for model in found])
