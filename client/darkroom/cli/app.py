"""Composes the command from the client's own subcommands and those of other installed distributions."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Final

import typer

from darkroom._version import __version__
from darkroom.cli.backends import installed_backend, installed_commands
from darkroom.cli.commands import jobs, models
from darkroom.cli.commands.generate import generate
from darkroom.cli.commands.info import info
from darkroom.cli.commands.xyz import xyz
from darkroom.cli.missing import add_server_hints
from darkroom.cli.selection import FindLocal
from darkroom.cli.statuses import MEANINGS, Status, Stopped

_EXIT_STATUSES: Final = "\n\n".join(
    ["Exit status:", *(f"`{status:>3}` {meaning}" for status, meaning in MEANINGS.items())]
)


def main() -> None:
    """Run the command with the arguments of this process."""
    app = build_app(installed_commands(), installed_backend)
    sys.exit(run(app, sys.argv[1:]))


def build_app(commands: Sequence[typer.Typer], find_local: FindLocal) -> typer.Typer:
    """Return the command. `commands` join the top level; subcommands call `find_local` when they need a backend."""
    app = typer.Typer(
        epilog=_EXIT_STATUSES,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback(invoke_without_command=True)
    def darkroom(
        context: typer.Context,
        version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
    ) -> None:
        """Make images from text with diffusion models, on this machine or through a Darkroom server.

        `darkroom generate "a red circle on a white background" -o circle.png` makes an image,
        `darkroom serve` starts a server if darkroom-server is installed,
        `darkroom COMMAND --help` explains a command,
        `darkroom --install-completion` completes commands and options in your shell.

        DARKROOM_BASE_URL can replace --server. Put the key of that server into DARKROOM_API_KEY or an --api-key-file.
        """
        context.obj = find_local
        if version:
            typer.echo(f"darkroom {__version__}")
        elif context.invoked_subcommand is None:
            typer.echo(context.get_help())

    for subcommands in commands:
        app.add_typer(subcommands)
    for command in (generate, xyz, info):
        app.command()(command)
    app.add_typer(jobs.jobs, name=jobs.NAME)
    add_server_hints(app, commands)
    app.add_typer(models.models_group(commands), name=models.NAME)
    return app


def run(app: typer.Typer, arguments: Sequence[str]) -> int:
    """Run the command and return its exit status, one of `statuses.Status`. Each failure prints one line."""
    try:
        status = app(list(arguments), prog_name="darkroom", standalone_mode=False)
    except Stopped as stopped:
        typer.echo(stopped.format_message(), err=True)
        return stopped.exit_code
    except typer.TyperException as error:
        typer.echo(f"Error: {error.format_message()}", err=True)
        return error.exit_code
    if status == Status.INTERRUPTED:
        typer.echo("Canceled.", err=True)
    return status if isinstance(status, int) else 0
