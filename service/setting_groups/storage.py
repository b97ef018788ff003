"""The settings of storage, and of image files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings

from service.setting_groups.fields import (
    Folder,
    OptionalFile,
    OptionalFolder,
    Seconds,
    Section,
    default_cache_dir,
    setting,
)


class StorageSettings(BaseSettings):
    """The part of `service.settings.Settings` that decides what is kept, for how long, and in which form."""

    data_dir: Folder = setting(
        Path("~/.local/share/darkroom"),
        "Folder for everything that the server must keep. Models are looked for in its subfolder models.",
        Section.STORAGE,
        "FOLDER",
    )
    database_url: str | None = setting(
        None,
        "URL of the database: postgresql://... or sqlite:///path. By default, it is a SQLite file in the data folder.",
        Section.STORAGE,
        "URL",
        is_secret=True,
        kept_in="database_password_file",
    )
    database_password_file: OptionalFile = setting(
        None,
        "File with the password of the PostgreSQL database, for example a secret mounted in /run/secrets. The URL "
        "must then contain no password.",
        Section.STORAGE,
        "FILE",
    )
    checkpoint_steps: Annotated[int, Field(ge=0)] = setting(
        0,
        "Number of steps between two checkpoints of an image of a job. A crash costs the image at most this many "
        "steps. With 0, there are no checkpoints.",
        Section.STORAGE,
        "N",
    )
    keep_jobs_s: Seconds = setting(
        7 * 86400.0, "How long a job and its images are kept after the job has ended.", Section.STORAGE, "SECONDS"
    )
    max_image_bytes: Annotated[int, Field(ge=0)] = setting(
        10 << 30,
        "Maximum size of all stored images and uploads together. Beyond it, uploads without a job are deleted, and "
        "then the jobs that ended first.",
        Section.STORAGE,
        "BYTES",
    )
    min_free_bytes: Annotated[int, Field(ge=0)] = setting(
        256 << 20,
        "Free space on the disk below which new jobs, uploads and requests for links to images are answered with 503. "
        "Accepted jobs continue, and jobs can still be deleted to free a full disk. With 0, nothing is refused.",
        Section.STORAGE,
        "BYTES",
    )
    keep_uploads_s: Seconds = setting(
        86400.0, "How long an upload is kept while no job starts from it.", Section.STORAGE, "SECONDS"
    )
    job_lease_s: Annotated[float, Field(ge=1, allow_inf_nan=False)] = setting(
        15.0,
        "Time without a sign of life from the server of a running job after which another server takes the job over; "
        "at least 1. If the first server has died and both use this machine and data folder, the job is taken over at "
        "once.",
        Section.STORAGE,
        "SECONDS",
    )
    cache_dir: OptionalFolder = setting(
        default_cache_dir,
        "Folder for data that may be deleted at any time: measured costs and compiled code. If XDG_CACHE_HOME is set, "
        "the default is the subfolder darkroom in it. With 0 or none, nothing is cached.",
        Section.STORAGE,
        "FOLDER",
        shown="~/.cache/darkroom",
    )
    encode_threads: Annotated[int, Field(ge=1, le=64)] = setting(
        2, "Number of threads that encode images as PNG, WebP and JPEG, 1 to 64.", Section.IMAGES, "N"
    )
    embed_parameters: bool = setting(
        True,
        "Write the parameters of each image into its file. The file says in any case that a model made the image.",
        Section.IMAGES,
        "",
    )
    max_upload_pixels: Annotated[int, Field(ge=1 << 12, le=1 << 28)] = setting(
        1 << 25,
        "Maximum number of pixels of an uploaded image, 4096 to 268435456. A larger image is refused before it is "
        "decoded.",
        Section.IMAGES,
        "PIXELS",
    )
    decode_processes: Annotated[int, Field(ge=1, le=64)] = setting(
        2,
        "Maximum number of processes that decode uploads at the same time, 1 to 64. Each decodes one upload and has "
        "its own resource limits.",
        Section.IMAGES,
        "N",
    )
