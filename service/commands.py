"""The server's subcommands of `darkroom`, joined to the client's by entry point. Imports the server only to run it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import typer

app = typer.Typer(add_completion=False)

_MORE: Final = (
    "Each option is a variable too, read where the option is not given. Variables alone set the rest: "
    "DARKROOM_ADMIN_HOST, DARKROOM_MAX_QUEUED_PICTURES, DARKROOM_MAX_QUEUED_S, DARKROOM_MAX_QUEUED_S_PER_TENANT, "
    "DARKROOM_CACHE_DIR, DARKROOM_ENCODE_THREADS, DARKROOM_EMBED_PARAMETERS, DARKROOM_LOG_FORMAT, "
    "DARKROOM_MAX_BODY_BYTES, DARKROOM_MAX_CONNECTIONS, DARKROOM_HEADER_TIMEOUT_S, DARKROOM_BODY_TIMEOUT_S, "
    "DARKROOM_WRITE_TIMEOUT_S, DARKROOM_DRAIN_TIMEOUT_S, "
    "DARKROOM_DATABASE_URL, DARKROOM_KEEP_JOBS_S, DARKROOM_MAX_PICTURE_BYTES, DARKROOM_MAX_QUEUED_JOBS, "
    "DARKROOM_MAX_QUEUED_JOBS_S, DARKROOM_MAX_EVENT_STREAMS, DARKROOM_JOB_LEASE_S, DARKROOM_PUBLIC_URL."
)


def _setting(name: str, help_text: str, metavar: str) -> Any:
    return typer.Option(
        f"--{name.replace('_', '-')}", envvar=f"DARKROOM_{name.upper()}", help=help_text, metavar=metavar
    )


@app.command(epilog=_MORE)
def serve(
    context: typer.Context,
    host: Annotated[
        str, _setting("host", "Address to listen on; 0.0.0.0 lets other machines in.", "ADDRESS")
    ] = "127.0.0.1",
    port: Annotated[int, _setting("port", "Port to listen on; 0 lets the system choose.", "PORT")] = 8000,
    model: Annotated[
        str, _setting("model", "A name that `darkroom models` shows, or a folder in the diffusers layout.", "NAME")
    ] = "bundled",
    allow_download: Annotated[
        bool,
        typer.Option("--allow-download", envvar="DARKROOM_ALLOW_DOWNLOAD", help="Fetch a --model that is a hub id."),
    ] = False,
    device: Annotated[
        str, _setting("device", "auto, cpu, cuda, cuda:1; auto takes a GPU if there is one.", "NAME")
    ] = "auto",
    dtype: Annotated[str, _setting("dtype", "auto, float32, float16 or bfloat16.", "NAME")] = "auto",
    threads: Annotated[
        int | None, _setting("threads", "CPU threads of the model; torch's choice if not given.", "N")
    ] = None,
    exact: Annotated[
        bool,
        typer.Option("--exact", envvar="DARKROOM_EXACT", help="The same picture to the bit, whatever else is made."),
    ] = False,
    compile: Annotated[  # noqa: A002 -- the name of the setting
        str, _setting("compile", "off, default or reduce-overhead, as torch.compile has them; starts slowly.", "MODE")
    ] = "off",
    max_rows: Annotated[int, _setting("max_rows", "Rows of one model call; a guided picture takes two.", "N")] = 16,
    admin_port: Annotated[
        str, _setting("admin_port", "Port of /metrics, on this machine only; none for none.", "PORT")
    ] = "8001",
    data_dir: Annotated[
        str,
        _setting("data_dir", "Whatever the server writes goes here; models are looked for in its models/.", "FOLDER"),
    ] = "~/.local/share/darkroom",
    keep_alive_timeout_s: Annotated[
        float,
        _setting(
            "keep_alive_timeout_s",
            "How long a connection may be idle; longer than a balancer in front of the server keeps it.",
            "SECONDS",
        ),
    ] = 75.0,
    log_level: Annotated[str, _setting("log_level", "debug, info, warning or error.", "LEVEL")] = "info",
) -> None:
    """Serve a model over HTTP until Ctrl-C.

    The address and a first line to try are printed when the model is loaded.
    """
    from service import server
    from service.settings import SettingsError, load_settings

    try:
        settings = load_settings(_given(context))
    except SettingsError as error:
        raise typer.BadParameter(str(error)) from error
    raise typer.Exit(server.run(settings))


@app.command()
def backup(
    context: typer.Context,
    destination: Annotated[Path, typer.Argument(help="Folder to make; it must not be there yet.", metavar="FOLDER")],
    data_dir: Annotated[
        str, _setting("data_dir", "Where the server keeps its jobs and pictures.", "FOLDER")
    ] = "~/.local/share/darkroom",
) -> None:
    """Copy the jobs and their pictures, also while the server runs.

    To go back to a copy, stop the server and start it with --data-dir FOLDER, or put the copy in the place of the
    data folder.
    """
    from service.jobs.backup import BackupError, back_up
    from service.jobs.database import database_url
    from service.settings import SettingsError, load_settings

    try:
        settings = load_settings({name: value for name, value in _given(context).items() if name == "data_dir"})
        database = database_url(settings.database_url, settings.data_dir)
    except (SettingsError, ValueError) as error:
        raise typer.BadParameter(str(error)) from error
    try:
        made = back_up(database, settings.data_dir / "pictures", destination.expanduser())
    except (BackupError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    typer.echo(f"{made.pictures} pictures and the jobs' records are in {destination}.")


def _given(context: typer.Context) -> dict[str, Any]:
    """What stands on the command line; the environment and the defaults are the settings' own to read."""
    return {
        name: value
        for name, value in context.params.items()
        if (source := context.get_parameter_source(name)) is not None and source.name == "COMMANDLINE"
    }
