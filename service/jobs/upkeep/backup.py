"""Copies the jobs and images of a data folder consistently while the server runs. Blocks. SQLite only."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy.engine import URL

from service.images.storage import ImageFolder, existing_folder

_PAGES_AT_ONCE: Final = 256
"""Database pages copied at a time; the server can write in between."""
_IMAGES: Final = "SELECT job_id, image_index, media_type, attempt FROM images"
_IMAGES_IN_SCHEMA_1: Final = "SELECT job_id, picture_index, media_type, attempt FROM pictures"


class BackupError(Exception):
    """The message is for the person who asked for the backup."""


@dataclass(frozen=True, slots=True)
class Backup:
    images: int
    missing: int
    """Images in the copied database whose files were deleted before they could be copied."""


def back_up(database: URL, image_folder: Path, destination: Path) -> Backup:
    """Copies the database, and then every image in it, to the new folder `destination`.

    Data of an earlier release is copied as it is, so that either release can be started with the copy. A backup that
    fails leaves `destination` with `.partial` after its name. Raises `BackupError` and OSError.
    """
    if database.get_backend_name() != "sqlite":
        raise BackupError(f"The jobs are in PostgreSQL. Run pg_dump first, then copy the folder {image_folder}.")
    source = Path(database.database or "")
    if not source.is_file():
        raise BackupError(f"There is no database at {source}. Check the data folder.")
    if destination.exists():
        raise BackupError(f"{destination} already exists. Name a folder that does not.")
    partial = destination.with_name(f"{destination.name}.partial")
    if partial.exists():
        raise BackupError(f"{partial} exists: another backup is running, or one failed. Delete it and try again.")
    partial.mkdir(parents=True)
    _copy_database(source, partial / "jobs.sqlite3")
    image_folder = existing_folder(image_folder)
    made = _copy_images(partial / "jobs.sqlite3", ImageFolder(image_folder), ImageFolder(partial / image_folder.name))
    partial.rename(destination)
    os.sync()
    return made


def _copy_database(source: Path, copy: Path) -> None:
    with contextlib.closing(sqlite3.connect(source)) as original, contextlib.closing(sqlite3.connect(copy)) as target:
        original.backup(target, pages=_PAGES_AT_ONCE)


def _copy_images(database: Path, source: ImageFolder, target: ImageFolder) -> Backup:
    copied = missing = 0
    for job_id, index, media_type, attempt in _recorded_images(database):
        try:
            data = source.read(job_id, index, media_type, attempt=attempt)
            target.put(job_id, index, media_type, data, attempt=attempt)
            copied += 1
        except FileNotFoundError:
            missing += 1
    return Backup(copied, missing)


def _recorded_images(database: Path) -> Iterator[tuple[str, int, str, int]]:
    with contextlib.closing(sqlite3.connect(database)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        yield from connection.execute(_IMAGES if "images" in tables else _IMAGES_IN_SCHEMA_1)
