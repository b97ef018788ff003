"""`darkroom models`: lists the models of this machine or of a server."""

from __future__ import annotations

import typer

from darkroom.cli.selection import ServerOption, select_backend


def models(context: typer.Context, server: ServerOption = None) -> None:
    """List the models on this machine, or those of a server.

    The models on this machine are the bundled one and the folders under DARKROOM_DATA_DIR/models.
    """
    from darkroom.cli.failures import explained

    backend, _ = select_backend(context.obj, server)
    with explained():
        found = backend.models()
    width = max((len(model.name) for model in found), default=0)
    for model in found:
        typer.echo(f"{model.name:<{width}}  {model.location}")
