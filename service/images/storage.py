"""Finished pictures as files in a folder, on the disk when `put` returns. Knows no jobs but their ids."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

EXTENSIONS: Final = {"image/png": "png", "image/webp": "webp", "image/jpeg": "jpeg"}
"""Media types that can be stored."""
_JOB_ID: Final = re.compile(r"job_[a-z2-7]{26}", re.ASCII)
_PARTIAL: Final = ".partial"
_PROBE_BYTES: Final = 1 << 16


class PictureFolder:
    """`root`/<two letters>/<job id>/<index>.<extension>. Methods block, and raise OSError where the disk fails."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, job_id: str, index: int, media_type: str, data: bytes) -> None:
        """Store a picture, whole or not at all, in place of one of the same index; it survives a power cut."""
        folder = self._folder(job_id)
        self._make(folder)
        partial = folder / f"{index}.{secrets.token_hex(4)}{_PARTIAL}"
        try:
            _write(partial, data)
            partial.replace(folder / _name(index, media_type))
        except OSError:
            partial.unlink(missing_ok=True)
            raise
        _sync(folder)

    def read(self, job_id: str, index: int, media_type: str) -> bytes:
        """Raises FileNotFoundError."""
        return (self._folder(job_id) / _name(index, media_type)).read_bytes()

    def delete(self, job_id: str) -> None:
        """All pictures of a job, or none if there are none."""
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self._folder(job_id))

    def probe(self) -> None:
        """Write a file of no use and take it away again."""
        self._root.mkdir(parents=True, exist_ok=True)
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
                if folder.stat().st_mtime < before:
                    yield folder.name

    def _folder(self, job_id: str) -> Path:
        assert _JOB_ID.fullmatch(job_id), "ids are made here, and looked up before a path is made of them"
        random_part = job_id.removeprefix("job_")
        return self._root / random_part[:2] / job_id

    def _make(self, folder: Path) -> None:
        if folder.is_dir():
            return
        self._root.mkdir(parents=True, exist_ok=True)
        for made in (folder.parent, folder):
            made.mkdir(exist_ok=True)
            _sync(made.parent)


def _name(index: int, media_type: str) -> str:
    return f"{index}.{EXTENSIONS[media_type]}"


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
