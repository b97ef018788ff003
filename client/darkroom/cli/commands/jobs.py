"""`darkroom jobs`: finds, follows, cancels and deletes the jobs of a server."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeAlias

import typer

from darkroom.cli.commands.options import JsonOption
from darkroom.cli.selection import KeyFileOption, ServerOption
from darkroom.cli.statuses import CommandError, Status, Stopped
from darkroom.cli.terminal.printing import print_json, print_table

if TYPE_CHECKING:
    from darkroom import Darkroom, Job, JobSummary

NAME: Final = "jobs"

JobId: TypeAlias = Annotated[str, typer.Argument(metavar="JOB", help="Id of the job; `darkroom jobs list` shows it.")]
JobIds: TypeAlias = Annotated[
    list[str], typer.Argument(metavar="JOB", help="Ids of the jobs; `darkroom jobs list` shows them.")
]

jobs = typer.Typer(invoke_without_command=True)


@jobs.callback()
def explain(context: typer.Context) -> None:
    """List, follow, cancel and delete the jobs of a server."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@jobs.command("list")
def list_jobs(
    status: Annotated[
        Literal["queued", "running", "succeeded", "failed", "canceled"] | None,
        typer.Option("--status", help="Show only jobs with this status."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Maximum number of jobs to show.")] = 20,
    prints_json: JsonOption = False,
    server: ServerOption = None,
    api_key_file: KeyFileOption = None,
) -> None:
    """List your jobs, newest first.

    Examples:

        darkroom jobs list --status running

        darkroom jobs list --limit 100 --json
    """
    from darkroom.cli.remote import connected

    with connected(server, api_key_file) as client:
        found = list(itertools.islice(client.jobs.list(status=status, page_size=min(limit, 100)), limit))
    if prints_json:
        print_json({"jobs": [summary.model_dump(mode="json") for summary in found]})
    elif not found:
        typer.echo("No jobs.", err=True)
    else:
        print_table([("ID", "STATUS", "DONE", "IMAGES", "CREATED", "PROMPT"), *map(_row, found)])


def find(client: Darkroom, job_id: str) -> Job:
    """Return a job by its id. Raises `CommandError` where there is none."""
    from darkroom.errors import NotFoundError

    try:
        return client.jobs.get(job_id)
    except NotFoundError as error:
        message = f"There is no job {job_id}; `darkroom jobs list` shows yours."
        raise CommandError(message, Status.NOT_FOUND) from error


def _as_json(job: Job) -> object:
    """Return the job as the HTTP API does."""
    return job.record.model_dump(mode="json")


def _row(job: JobSummary) -> Sequence[str]:
    images = f"{len(job.images)} of {len(job.seeds)}"
    created = job.created_at.astimezone().strftime("%Y-%m-%d %H:%M")
    return job.id, job.status, f"{job.progress.fraction:.0%}", images, created, _one_line(job.request.prompts[0])


def _one_line(text: str, width: int = 40) -> str:
    line = " ".join(text.split())
    return line if len(line) <= width else f"{line[: width - 1]}…"


@jobs.command()
def show(
    job_id: JobId,
    prints_json: JsonOption = False,
    server: ServerOption = None,
    api_key_file: KeyFileOption = None,
) -> None:
    """Show a job: its state, its parameters and its images.

    Example:

        darkroom jobs show job_4x5lmhxqtv4wzy4u6jvqbzu2fi
    """
    from darkroom.cli.remote import connected

    with connected(server, api_key_file) as client:
        job = find(client, job_id)
    if prints_json:
        print_json(_as_json(job))
    else:
        print_table(_details(job))


def _details(job: Job) -> list[tuple[str, str]]:
    record = job.record
    request = record.request
    settings = {name: value for name, value in request.settings.items() if value is not None}
    moments = {"created": record.created_at, "completed": record.completed_at, "expires": record.expires_at}
    return [
        ("id", record.id),
        ("status", record.status),
        *([] if record.error is None else [("error", record.error.message)]),
        ("steps", f"{record.progress.step} of {record.progress.steps}, in all images"),
        *((name, f"{moment.astimezone():%Y-%m-%d %H:%M:%S}") for name, moment in moments.items() if moment is not None),
        ("model", request.model),
        *(("prompt", prompt) for prompt in dict.fromkeys(request.prompts)),
        *((name, value if isinstance(value, str) else json.dumps(value)) for name, value in settings.items()),
        *(("image", f"{image.url}  (seed {image.seed})") for image in job.images),
    ]


@jobs.command()
def watch(
    job_id: JobId,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FOLDER", help="Save the images in this folder.")
    ] = None,
    prints_json: Annotated[bool, typer.Option("--json", help="Print each event as a line of JSON.")] = False,
    server: ServerOption = None,
    api_key_file: KeyFileOption = None,
) -> None:
    """Follow a job until it ends. Ctrl-C stops watching, and the job goes on.

    If the connection is lost, the command connects again. It fails if the job fails.

    Example:

        darkroom jobs watch job_4x5lmhxqtv4wzy4u6jvqbzu2fi -o images/
    """
    from darkroom.cli.remote import connected
    from darkroom.cli.terminal.job_events import JobReporter, event_line
    from darkroom.cli.terminal.progress import display_for

    with connected(server, api_key_file) as client:
        job = find(client, job_id)
        try:
            with display_for(len(job.seeds)) as display:
                reporter = JobReporter(job, display, output, is_quiet=prints_json)
                for event in job.events():
                    reporter.tell(event)
                    if prints_json:
                        typer.echo(event_line(event))
        except KeyboardInterrupt as error:
            raise Stopped(f"Stopped watching; the job goes on. `darkroom jobs cancel {job_id}` cancels it.") from error
        job.raise_for_status()


@jobs.command()
def cancel(
    job_ids: JobIds,
    prints_json: JsonOption = False,
    server: ServerOption = None,
    api_key_file: KeyFileOption = None,
) -> None:
    """Cancel jobs. Their finished images are kept. A job that has already ended stays as it is.

    Example:

        darkroom jobs cancel job_4x5lmhxqtv4wzy4u6jvqbzu2fi
    """
    from darkroom.cli.remote import connected

    with connected(server, api_key_file) as client:
        changed = [find(client, job_id).cancel() for job_id in job_ids]
    if prints_json:
        print_json({"jobs": [_as_json(job) for job in changed]})
    else:
        for job in changed:
            typer.echo(f"{job.id}  {job.status}")


@jobs.command()
def delete(
    job_ids: JobIds,
    prints_json: JsonOption = False,
    server: ServerOption = None,
    api_key_file: KeyFileOption = None,
) -> None:
    """Delete jobs and their images. Unfinished jobs are canceled first. This cannot be undone.

    Example:

        darkroom jobs delete job_4x5lmhxqtv4wzy4u6jvqbzu2fi
    """
    from darkroom.cli.remote import connected

    with connected(server, api_key_file) as client:
        for job_id in job_ids:
            find(client, job_id).delete()
            if not prints_json:
                typer.echo(f"{job_id}  deleted")
    if prints_json:
        print_json({"deleted": job_ids})
