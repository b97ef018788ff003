"""Copies the jobs, images, uploads and link key of a data folder while the server runs. Blocks. SQLite only."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy.engine import URL

from service.images.disk import make_folder, write_file
from service.images.inputs.folder import UPLOADS, InputFolder, InputName
from service.images.storage import ImageFolder, existing_folder
from service.link_key import LINK_KEY

_PAGES_AT_ONCE: Final = 256
"""Database pages copied at a time; the server can write in between."""
_IMAGES: Final = "SELECT job_id, image_index, media_type, attempt FROM images"
_IMAGES_IN_SCHEMA_1: Final = "SELECT job_id, picture_index, media_type, attempt FROM pictures"
_UPLOADS: Final = "SELECT sha256, token FROM uploads"


class BackupError(Exception):
    """A backup could not be made. The message is for the person who asked for it."""


@dataclass(frozen=True, slots=True)
class Backup:
    images: int
    uploads: int
    missing: int
    """Images and uploads in the copied database whose files were deleted before they could be copied."""


def back_up(database: URL, image_folder: Path, destination: Path) -> Backup:
    """Copies the database, and then every image and upload in it, to the new folder `destination`.

    The uploads' folder and the key that signs links are those beside the images. Only the owner may read the copy.

    Data of an earlier release is copied as it is, so that either release can be started with the copy. A backup that
    fails leaves `destination` with `.partial` after its name. Raises `BackupError` and OSError.
    """
    if database.get_backend_name() != "sqlite":
        raise BackupError(f"The jobs are in PostgreSQL. Run pg_dump first, then copy the folder {image_folder.parent}.")
    source = Path(database.database or "")
    if not source.is_file():
        raise BackupError(f"There is no database at {source}. Check the data folder.")
    if destination.exists():
        raise BackupError(f"{destination} already exists. Name a folder that does not.")
    partial = destination.with_name(f"{destination.name}.partial")
    if partial.exists():
        raise BackupError(f"{partial} exists: another backup is running, or one failed. Delete it and try again.")
    make_folder(partial)
    _copy_database(source, partial / "jobs.sqlite3")
    image_folder = existing_folder(image_folder)
    copied = partial / "jobs.sqlite3"
    images, missing = _copy_images(copied, ImageFolder(image_folder), ImageFolder(partial / image_folder.name))
    uploads, more_missing = _copy_uploads(
        copied, InputFolder(image_folder.with_name(UPLOADS)), InputFolder(partial / UPLOADS)
    )
    _copy_link_key(image_folder.parent, partial)
    partial.rename(destination)
    os.sync()
    return Backup(images, uploads, missing + more_missing)


def _copy_database(source: Path, copy: Path) -> None:
    write_file(copy, b"")  # An empty file is an empty database. SQLite itself would let others read it.
    with contextlib.closing(sqlite3.connect(source)) as original, contextlib.closing(sqlite3.connect(copy)) as target:
        original.backup(target, pages=_PAGES_AT_ONCE)


def _copy_link_key(source: Path, target: Path) -> None:
    """Copies the key, without which links made so far would stop working. Not every data folder has one."""
    with contextlib.suppress(FileNotFoundError):
        write_file(target / LINK_KEY, (source / LINK_KEY).read_bytes())


def _copy_images(database: Path, source: ImageFolder, target: ImageFolder) -> tuple[int, int]:
    copied = missing = 0
    for job_id, index, media_type, attempt in _recorded(database, {"images": _IMAGES, "pictures": _IMAGES_IN_SCHEMA_1}):
        try:
            data = source.read(job_id, index, media_type, attempt=attempt)
            target.put(job_id, index, media_type, data, attempt=attempt)
            copied += 1
        except FileNotFoundError:
            missing += 1
    return copied, missing


def _copy_uploads(database: Path, source: InputFolder, target: InputFolder) -> tuple[int, int]:
    copied = missing = 0
    for name in _recorded(database, {"uploads": _UPLOADS}):
        try:
            target.put(InputName(*name), source.read(InputName(*name)))
            copied += 1
        except FileNotFoundError:
            missing += 1
    return copied, missing


def _recorded(database: Path, queries: Mapping[str, str]) -> Iterator[tuple[Any, ...]]:
    """Yields the rows of the first query whose table the database has."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        for query in [query for table, query in queries.items() if table in tables][:1]:
            yield from connection.execute(query)
