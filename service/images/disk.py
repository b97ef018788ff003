"""Writes files and folders so that they survive a power failure. All functions block, and raise OSError."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

PARTIAL: Final = ".partial"
"""Ending of the names of files that are being written."""
_STORE_TRIES: Final = 3
"""Each try makes the folder again, because it may be deleted with its job while the file is being stored."""


def store_file(folder: Path, name: str, data: bytes) -> None:
    """Stores a file atomically in a folder, which is created if missing. Replaces an earlier file of that name.

    The file survives a power failure once this has returned. Others may delete the folder meanwhile.
    """
    for tries_left in reversed(range(_STORE_TRIES)):
        make_folder(folder)
        try:
            return add_file(folder, name, data)
        except FileNotFoundError:
            if not tries_left:
                raise
    raise AssertionError("the last try returns or raises")


def add_file(folder: Path, name: str, data: bytes) -> None:
    """Does what `store_file` does in an existing folder. Raises FileNotFoundError if it does not exist."""
    partial = folder / f"{name.partition('.')[0]}.{secrets.token_hex(4)}{PARTIAL}"
    try:
        write_file(partial, data)
        partial.replace(folder / name)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
    sync_folder(folder)


def make_folder(folder: Path) -> None:
    """Creates the folder and its missing parents, for their owner alone, and syncs their entries to disk."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        sync_folder(folder.parent)


def write_file(path: Path, data: bytes) -> None:
    """Writes a new file, which only its owner may read, and syncs it to disk."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Syncs the entries of a folder to disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
