"""The server's subcommands of `darkroom`, joined to the client's by entry point. Imports the server only to run it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from service.cli import models
from service.cli.options import OWNER_ALONE, JsonOption, chosen_settings, typed, with_settings
from service.cli.stored import keys, moderation, webhooks
from service.settings import Settings

app = typer.Typer(add_completion=False)
app.add_typer(models.app, name="models")
app.add_typer(keys.app, name="keys")
app.command("moderation")(moderation.list_verdicts)
app.add_typer(webhooks.app, name="webhooks")


@app.command()
@with_settings(*Settings.model_fields)
def serve(context: typer.Context, **given: object) -> None:
    """Serve models over HTTP until Ctrl-C.

    When the default model is loaded, the command prints the address and an example request. If an option is not given,
    its environment variable is used.
    """
    from service.server import main

    settings = chosen_settings(context)
    os.umask(OWNER_ALONE)
    raise typer.Exit(main.run(settings))


@app.command()
@with_settings(*Settings.model_fields)
def check(
    context: typer.Context,
    as_json: JsonOption = False,
    **given: object,
) -> None:
    """Check the settings and what they name, and print the values in effect and where each one comes from.

    It checks what `darkroom serve` would find with the same options, variables and file: models, folders, addresses,
    the database, keys and the moderation service. It changes nothing. It reads no weights, unless it compares them with
    a manifest. The exit status is 1 if the server would not start, and 2 if an option is wrong.
    """
    from service.cli.checks import report
    from service.cli.checks.all_checks import check_all
    from service.environment import SettingsError, read_settings

    try:
        in_force = read_settings(typed(context))
    except SettingsError as error:
        if error.in_command:
            raise typer.BadParameter(str(error)) from error
        found = report.of_faults(error.faults)
    else:
        found = report.Report(in_force, check_all(in_force.settings))
    typer.echo(found.as_json() if as_json else found.as_text())
    raise typer.Exit(0 if found.ok else 1)


@app.command()
@with_settings("host", "port", "uds")
def health(
    context: typer.Context,
    timeout_s: Annotated[float, typer.Option(help="How long to wait for the answer.", metavar="SECONDS", min=0.1)] = 5,
    **given: object,
) -> None:
    """Ask the server on this machine whether it is ready. The exit status is 1 if it is not.

    The command asks at the address on which `darkroom serve` listens with the same options and variables.
    """
    from service.cli.health import Address, NotReadyError, check_ready

    settings = chosen_settings(context)
    try:
        check_ready(Address(settings.host, settings.port, settings.uds), timeout_s)
    except NotReadyError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error


@app.command()
@with_settings("data_dir", "database_url", "database_password_file")
def backup(
    context: typer.Context,
    destination: Annotated[Path, typer.Argument(help="Folder to create. It must not exist yet.", metavar="FOLDER")],
    **given: object,
) -> None:
    """Copy the jobs, their images and uploads, and the key that signs links. The server can keep running.

    To restore a copy, stop the server and start it with --data-dir FOLDER, or replace the data folder with the copy.
    """
    from service.jobs.database_password import with_password
    from service.jobs.store.database import database_url
    from service.jobs.upkeep.backup import BackupError, back_up

    settings = chosen_settings(context)
    try:
        url = database_url(settings.database_url, settings.data_dir)
        database = with_password(url, settings.database_password_file)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    os.umask(OWNER_ALONE)
    try:
        made = back_up(database, settings.data_dir / "images", destination.expanduser())
    except (BackupError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    typer.echo(f"{made.images} images and the jobs' records are in {destination}.")
