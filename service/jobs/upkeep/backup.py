"""A copy of a data folder's jobs and images, consistent though the server goes on. Blocks; SQLite alone."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import create_engine, select
from sqlalchemy.engine import URL

from service.images.storage import ImageFolder
from service.jobs.store.tables import images

_PAGES_AT_ONCE: Final = 256
"""Between two looks whether the server wants to write."""


class BackupError(Exception):
    """The message is for the person who asked for the backup."""


@dataclass(frozen=True, slots=True)
class Backup:
    images: int
    missing: int
    """Images of the record that were deleted while the copy was made."""


def back_up(database: URL, image_folder: Path, destination: Path) -> Backup:
    """Copy the database, then every image that it knows of, into `destination`, which must not be there yet.

    What is left behind by a copy that fails is `destination` with `.partial` after its name. Raises `BackupError` and
    OSError.
    """
    if database.get_backend_name() != "sqlite":
        raise BackupError(
            f"The jobs are in PostgreSQL: copy them with pg_dump first, and then the folder {image_folder}."
        )
    source = Path(database.database or "")
    if not source.is_file():
        raise BackupError(f"There is no database at {source}.")
    if destination.exists():
        raise BackupError(f"{destination} is there already.")
    partial = destination.with_name(f"{destination.name}.partial")
    if partial.exists():
        raise BackupError(f"{partial} is left from a backup that failed, or one goes on: delete it first.")
    partial.mkdir(parents=True)
    _copy_database(source, partial / "jobs.sqlite3")
    made = _copy_images(partial / "jobs.sqlite3", ImageFolder(image_folder), ImageFolder(partial / "images"))
    partial.rename(destination)
    os.sync()
    return made


def _copy_database(source: Path, copy: Path) -> None:
    with contextlib.closing(sqlite3.connect(source)) as original, contextlib.closing(sqlite3.connect(copy)) as target:
        original.backup(target, pages=_PAGES_AT_ONCE)


def _copy_images(database: Path, source: ImageFolder, target: ImageFolder) -> Backup:
    copied = missing = 0
    for job_id, index, media_type, attempt in _recorded(database):
        try:
            data = source.read(job_id, index, media_type, attempt=attempt)
            target.put(job_id, index, media_type, data, attempt=attempt)
            copied += 1
        except FileNotFoundError:
            missing += 1
    return Backup(copied, missing)


def _recorded(database: Path) -> Iterator[tuple[str, int, str, int]]:
    engine = create_engine(URL.create("sqlite", database=str(database)))
    with engine.connect() as connection:
        columns = images.c.job_id, images.c.image_index, images.c.media_type, images.c.attempt
        for row in connection.execute(select(*columns)):
            yield row.job_id, row.image_index, row.media_type, row.attempt
    engine.dispose()
