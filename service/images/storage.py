"""Finished images as files in a folder, on the disk when `put` returns. Knows no jobs but their ids."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from service.ids import is_job_id

EXTENSIONS: Final = {"image/png": "png", "image/webp": "webp", "image/jpeg": "jpeg"}
"""Media types that can be stored."""
_PARTIAL: Final = ".partial"
_PROBE_BYTES: Final = 1 << 16
_CHANGED_MEANWHILE: Final = (errno.ENOENT, errno.ENOTEMPTY)
"""Errors of a deletion to which a file came or went while it was on its way."""


class ImageFolder:
    """`root`/<two letters>/<job id>/<index>.<extension>. Methods block, and raise OSError where the disk fails.

    Each attempt at a job has files of its own, so that none overwrites what another has recorded; from the second on,
    its number stands before the extension.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, job_id: str, index: int, media_type: str, data: bytes, *, attempt: int = 1) -> None:
        """Store an image, whole or not at all, in place of the attempt's own of that index; a power cut spares it."""
        folder = self._folder(job_id)
        file = folder / _name(index, media_type, attempt)
        partial = folder / f"{index}.{secrets.token_hex(4)}{_PARTIAL}"
        _make(folder)
        try:
            _write(partial, data)
            partial.replace(file)
        except OSError:
            partial.unlink(missing_ok=True)
            raise
        _sync(folder)

    def read(self, job_id: str, index: int, media_type: str, *, attempt: int = 1) -> bytes:
        """Raises FileNotFoundError."""
        return (self._folder(job_id) / _name(index, media_type, attempt)).read_bytes()

    def delete(self, job_id: str) -> None:
        """All images of a job, or none if there are none."""
        folder = self._folder(job_id)
        while folder.exists():
            try:
                shutil.rmtree(folder)
                return
            except OSError as error:
                if error.errno not in _CHANGED_MEANWHILE:
                    raise

    def probe(self) -> None:
        """Write a file of no use and take it away again."""
        _make(self._root)
        file = self._root / f"probe.{secrets.token_hex(4)}{_PARTIAL}"
        try:
            _write(file, bytes(_PROBE_BYTES))
        finally:
            file.unlink(missing_ok=True)

    def jobs_older_than(self, seconds: float) -> Iterator[str]:
        """Ids of the jobs whose folders have not been changed for so long."""
        before = time.time() - seconds
        for folder in self._root.glob("??/job_*"):
            with contextlib.suppress(FileNotFoundError):
                if is_job_id(folder.name) and folder.stat().st_mtime < before:
                    yield folder.name

    def _folder(self, job_id: str) -> Path:
        assert is_job_id(job_id), "ids are made here, and looked up before a path is made of them"
        random_part = job_id.removeprefix("job_")
        return self._root / random_part[:2] / job_id


def _name(index: int, media_type: str, attempt: int) -> str:
    number = "" if attempt == 1 else f".{attempt}"
    return f"{index}{number}.{EXTENSIONS[media_type]}"


def _make(folder: Path) -> None:
    """The folder, on the disk with those above it that are missing as well."""
    if not folder.is_dir():
        _make(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync(folder.parent)


def _write(path: Path, data: bytes) -> None:
    """A new file, its bytes on the disk."""
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    """Let the disk know the folder's entries."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
