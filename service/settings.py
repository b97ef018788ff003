"""The server's settings. One declaration a setting: name, type and bounds, default, help.

The variable `DARKROOM_<NAME>`, the flag of `darkroom serve`, its validation, its help and its row in `docs/settings.md`
(`make docs`) all come from that declaration. This module reads nothing: `service.environment` does.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from service.settings_fields import (
    Count,
    Folder,
    OptionalFile,
    OptionalFolder,
    OptionalPort,
    Port,
    Seconds,
    Section,
    default_cache_dir,
    setting,
)
from service.worker_settings import WorkerSettings

PREFIX: Final = "DARKROOM_"


class Settings(WorkerSettings):
    """One frozen value, read once at the start and passed down."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra="forbid", frozen=True)

    host: str = setting(
        "127.0.0.1",
        "Address of the API. 0.0.0.0 lets other machines in, :: those with IPv6 too; there are no API keys yet.",
        Section.LISTEN,
        "ADDRESS",
    )
    port: Port = setting(8000, "Port of the API. 0 lets the system choose.", Section.LISTEN, "PORT")
    admin_host: str = setting(
        "127.0.0.1", "Address of the second listener, which serves /metrics.", Section.LISTEN, "ADDRESS"
    )
    admin_port: OptionalPort = setting(
        8001, "Port of the second listener. 0 or none: no second listener.", Section.LISTEN, "PORT"
    )
    public_url: str | None = setting(
        None,
        "Where callers reach the server, such as https://images.example. Links begin with it; without it they begin "
        "with what each request says of the server's name.",
        Section.LISTEN,
        "URL",
    )

    max_queued_images: Count = setting(
        256,
        "Unfinished images of requests on /v1 from which on the next request waits in line or is answered 429. "
        "Images of jobs do not count.",
        Section.QUEUE,
        "N",
    )
    max_queued_s: Seconds = setting(
        300.0,
        "Device seconds of those images from which on it does so, if they are of four requests or more.",
        Section.QUEUE,
        "SECONDS",
    )
    max_queued_s_per_tenant: Seconds | None = setting(
        None,
        "Device seconds of one tenant's images from which on its next request is answered 429. Without it there is no "
        "such bound.",
        Section.QUEUE,
        "SECONDS",
    )
    max_callers_in_line: Annotated[int, Field(ge=0)] = setting(
        64,
        "Callers of /v1 that wait in line while the queue is full. One more is answered 429; with 0, all are.",
        Section.QUEUE,
        "N",
    )
    max_wait_in_line_s: Seconds = setting(
        30.0,
        "How long they wait at most. A caller whose turn would come later is answered 429 at once.",
        Section.QUEUE,
        "SECONDS",
    )
    max_unread_bytes: Annotated[int, Field(ge=1 << 20)] = setting(
        512 << 20,
        "Pixels of finished images that wait for slow readers, at least 1 MiB. From half of it a job that is not read "
        "pauses; beyond it the one that has waited longest fails.",
        Section.QUEUE,
        "BYTES",
    )
    max_input_bytes: Annotated[int, Field(ge=1 << 20)] = setting(
        256 << 20,
        "Pixels of the images that unfinished requests on /v1 start from, at least 1 MiB; 1024x1024 pixels take 3 MiB, "
        "and their mask 1 MiB. One more such request is answered 429. Images of jobs do not count.",
        Section.QUEUE,
        "BYTES",
    )
    max_queued_jobs: Count = setting(
        10_000,
        "Accepted jobs that wait to be begun. Beyond, POST /api/v1/jobs is answered 429.",
        Section.QUEUE,
        "N",
    )
    max_queued_jobs_s: Seconds = setting(
        86400.0, "Device seconds that those jobs are expected to take at most.", Section.QUEUE, "SECONDS"
    )
    max_event_streams: Count = setting(
        384, "Readers of jobs' events, and callers that wait for a job's end, at a time.", Section.QUEUE, "N"
    )
    max_event_streams_per_tenant: Count = setting(256, "Those of one tenant at a time.", Section.QUEUE, "N")

    data_dir: Folder = setting(
        Path("~/.local/share/darkroom"),
        "Folder for whatever the server must keep. Models are looked for in its models/.",
        Section.STORAGE,
        "FOLDER",
    )
    database_url: str | None = setting(
        None,
        "postgresql://... or sqlite:///path. Without it a SQLite file in the data folder.",
        Section.STORAGE,
        "URL",
        is_secret=True,
    )
    database_password_file: OptionalFile = setting(
        None,
        "File with the password of the PostgreSQL database, such as a secret that is mounted at /run/secrets. The URL "
        "then has none.",
        Section.STORAGE,
        "FILE",
    )
    checkpoint_steps: Annotated[int, Field(ge=0)] = setting(
        0,
        "Steps between two checkpoints of an image of a job, so that a crash costs it at most so many. 0 keeps none.",
        Section.STORAGE,
        "N",
    )
    keep_jobs_s: Seconds = setting(
        7 * 86400.0, "How long a job and its images are kept after its end.", Section.STORAGE, "SECONDS"
    )
    max_image_bytes: Annotated[int, Field(ge=0)] = setting(
        10 << 30,
        "Size of all stored images and uploads. Beyond, uploads without a job and the jobs that ended first are "
        "deleted.",
        Section.STORAGE,
        "BYTES",
    )
    min_free_bytes: Annotated[int, Field(ge=0)] = setting(
        256 << 20,
        "Free room of the disk below which new jobs and uploads are answered 503. What is accepted goes on, and a full "
        "disk can still be emptied by deleting jobs. 0 refuses nothing.",
        Section.STORAGE,
        "BYTES",
    )
    keep_uploads_s: Seconds = setting(
        86400.0, "How long an upload is kept without a job that starts from it.", Section.STORAGE, "SECONDS"
    )
    job_lease_s: Annotated[float, Field(ge=1, allow_inf_nan=False)] = setting(
        15.0,
        "A running job is taken over by another server after so long without a sign of life from its own; at least 1. "
        "Where its own has died and both have this machine and data folder, it is taken over at once.",
        Section.STORAGE,
        "SECONDS",
    )
    cache_dir: OptionalFolder = setting(
        default_cache_dir,
        "Folder for what may be deleted at any time: measured costs, and compiled code. Under XDG_CACHE_HOME where "
        "that is set. 0 or none keeps nothing.",
        Section.STORAGE,
        "FOLDER",
        shown="~/.cache/darkroom",
    )

    encode_threads: Annotated[int, Field(ge=1, le=64)] = setting(
        2, "Threads that turn pixels into PNG, WebP and JPEG, 1 to 64.", Section.IMAGES, "N"
    )
    embed_parameters: bool = setting(
        True,
        "Write the parameters of each image into its file. That a model made it, the file says in any case.",
        Section.IMAGES,
        "",
    )

    max_upload_pixels: Annotated[int, Field(ge=1 << 12, le=1 << 28)] = setting(
        1 << 25,
        "Pixels of an uploaded image, 4096 to 268435456. One with more is refused before it is decoded.",
        Section.IMAGES,
        "PIXELS",
    )
    decode_processes: Annotated[int, Field(ge=1, le=64)] = setting(
        2,
        "Processes that decode uploads at a time, 1 to 64. Each decodes one and has limits of its own.",
        Section.IMAGES,
        "N",
    )

    max_body_bytes: Annotated[int, Field(ge=1024)] = setting(
        1 << 20, "A request's body, at least 1024. A larger one is answered 413.", Section.CONNECTIONS, "BYTES"
    )
    max_upload_bytes: Annotated[int, Field(ge=1024)] = setting(
        32 << 20,
        "A request's body with its images, at least 1024, on the routes that take images. A larger one is answered "
        "413.",
        Section.CONNECTIONS,
        "BYTES",
    )
    max_connections: Count = setting(
        512, "Open connections. One more is answered 503 and closed.", Section.CONNECTIONS, "N"
    )
    header_timeout_s: Seconds = setting(
        10.0, "Time for a request's head, from its first byte to its last.", Section.CONNECTIONS, "SECONDS"
    )
    body_timeout_s: Seconds = setting(
        30.0, "Time for a request's body, from its first byte to its last.", Section.CONNECTIONS, "SECONDS"
    )
    keep_alive_timeout_s: Seconds = setting(
        75.0,
        "How long a connection may be idle between two requests. It must be longer than a balancer or proxy in front "
        "of the server keeps its connections, else that answers 502 now and then.",
        Section.CONNECTIONS,
        "SECONDS",
    )
    write_timeout_s: Seconds = setting(
        60.0,
        "How long a client may read nothing of an answer that waits for it.",
        Section.CONNECTIONS,
        "SECONDS",
    )
    drain_timeout_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = setting(
        12.0,
        "How long accepted work may go on after SIGTERM. A second signal ends it at once. The server exits up to 7 "
        "seconds later, so whatever stops it should wait for so long before it kills it.",
        Section.CONNECTIONS,
        "SECONDS",
    )

    log_level: Literal["debug", "info", "warning", "error"] = setting(
        "info", "debug, info, warning or error.", Section.LOG, "LEVEL"
    )
    log_format: Literal["auto", "console", "json"] = setting(
        "auto", "console, json, or auto: console on a terminal, else JSON.", Section.LOG, "FORMAT"
    )


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return f"{PREFIX}{name.upper()}"


def flag(name: str) -> str:
    """The flag of a setting, on the command line of `darkroom serve`."""
    return f"--{name.replace('_', '-')}"


def details(name: str) -> dict[str, Any]:
    """A setting's section, metavar and shown default, as `setting` was given them."""
    field = Settings.model_fields[name]
    assert isinstance(field.json_schema_extra, dict), "every field is declared by `setting`"
    return {**field.json_schema_extra, "shown": field.json_schema_extra["shown"] or _spelled(field.default)}


def _spelled(default: object) -> str:
    match default:
        case None:
            return "none"
        case bool():
            return str(default).lower()
        case float():
            return f"{default:g}" if default < 1e6 else f"{default:.0f}"
        case _:
            return str(default)
