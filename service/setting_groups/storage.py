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
        kept_in="database_password_file",
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
