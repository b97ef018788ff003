"""The server's subcommands of `darkroom models`: they check a model, add it to the data folder, and list digests."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from service.cli.options import JsonOption, chosen_settings, with_settings

app = typer.Typer(add_completion=False)

ModelArgument = Annotated[
    str, typer.Argument(help="A name that `darkroom models` shows, a folder, a .safetensors file, or a hub id.")
]
DownloadOption = Annotated[
    bool, typer.Option("--allow-download", help="Download files that are not in the hub's cache.")
]


@app.command()
@with_settings("data_dir", "device", "dtype")
def check(
    context: typer.Context,
    model: ModelArgument,
    as_json: JsonOption = False,
    allow_download: DownloadOption = False,
    **given: object,
) -> None:
    """Show what a model is, what it lacks and how it would be served, without reading its weights.

    The exit status is 1 if it cannot be served.
    """
    from service.cli import model_checks

    settings = chosen_settings(context)
    raise typer.Exit(model_checks.show(model, settings, as_json=as_json, allow_download=allow_download))


@app.command()
@with_settings("data_dir")
def add(
    context: typer.Context,
    model: ModelArgument,
    name: Annotated[
        str | None, typer.Option(help="Name under which to serve the model. By default, its own name.", metavar="NAME")
    ] = None,
    copy: Annotated[bool, typer.Option("--copy", help="Copy the files instead of linking to them.")] = False,
    allow_download: DownloadOption = False,
    **given: object,
) -> None:
    """Check a model and add it to DARKROOM_DATA_DIR/models as a link. Nothing is overwritten."""
    from service.cli import added_models, model_checks

    settings = chosen_settings(context)
    try:
        found = model_checks.find(model, settings, allow_download=allow_download)
        added = added_models.add(found.path, name or found.name, settings.data_dir, copy=copy)
    except (model_checks.CheckError, added_models.AddError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    typer.echo(f"{name or found.name} is now among the models, as {added}.")


@app.command()
@with_settings("model", "models", "data_dir", "device", "dtype", "allow_download")
def manifest(
    context: typer.Context,
    folder: Annotated[
        Path,
        typer.Option(help="Folder in which the manifest will be. Paths below it are relative.", metavar="FOLDER"),
    ] = Path(),
    **given: object,
) -> None:
    """Print the SHA-256 of every file that a server with these settings would open for its models.

    `sha256sum -c` can check the lines. `darkroom serve --model-manifest FILE` opens only the files that they list. The
    bundled model is not listed, because its digests ship with it.
    """
    from service.cli import model_checks
    from service.server.model_list import ModelListError

    try:
        listed = model_checks.manifest_of(chosen_settings(context), folder)
    except (model_checks.CheckError, ModelListError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    typer.echo(listed, nl=False)
