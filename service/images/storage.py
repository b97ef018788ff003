"""Stores finished images as files in a folder, with their thumbnails. Knows only the ids of jobs."""

from __future__ import annotations

import errno
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from service.images.disk import PARTIAL, add_file, make_folder, store_file, sync_folder, write_file
from service.images.job_folders import job_folder, jobs_older_than

EXTENSIONS: Final = {"image/png": "png", "image/webp": "webp", "image/jpeg": "jpeg"}
"""The media types that can be stored, with their file extensions."""
_FORMER_NAME: Final = "pictures"
"""Name of the image folder in the first release."""
_PROBE_BYTES: Final = 1 << 16
_GONE_OR_IN_USE: Final = (errno.ENOENT, errno.ENOTEMPTY)
"""Errors of deleting a folder that is already gone, or to which another thread or process has just added a file."""


class ImageFolder:
    """Keeps images at `root`/<two letters>/<job id>/<index>.<extension>. Methods block; they raise OSError if the disk
    fails.

    Each attempt at a job has its own files, so that no attempt overwrites those that another has recorded. From the
    second attempt on, the attempt's number stands before the extension. A thumbnail is a file beside its image's.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, job_id: str, index: int, media_type: str, data: bytes, *, attempt: int = 1) -> None:
        """Stores an image file atomically, replacing this attempt's earlier file of that index.

        The file survives a power failure once this has returned. Raises KeyError for a media type that is not in
        `EXTENSIONS`.
        """
        store_file(self._folder(job_id), _name(index, media_type, attempt), data)

    def read(self, job_id: str, index: int, media_type: str, *, attempt: int = 1) -> bytes:
        """Returns an image file. Raises FileNotFoundError."""
        return (self._folder(job_id) / _name(index, media_type, attempt)).read_bytes()

    def put_thumbnail(self, job_id: str, index: int, data: bytes, *, attempt: int = 1) -> None:
        """Stores an image's thumbnail atomically. Raises FileNotFoundError where the job's files have been deleted."""
        add_file(self._folder(job_id), _thumbnail_name(index, attempt), data)

    def read_thumbnail(self, job_id: str, index: int, *, attempt: int = 1) -> bytes:
        """Returns a thumbnail. Raises FileNotFoundError where none has been stored yet."""
        return (self._folder(job_id) / _thumbnail_name(index, attempt)).read_bytes()

    def thumbnail_size_bytes(self, job_id: str, index: int, *, attempt: int = 1) -> int:
        """Returns the size of a thumbnail. Raises FileNotFoundError where none has been stored yet."""
        return (self._folder(job_id) / _thumbnail_name(index, attempt)).stat().st_size

    def delete(self, job_id: str) -> None:
        """Deletes all image files of a job, if there are any, and their thumbnails."""
        folder = self._folder(job_id)
        while folder.exists():
            try:
                shutil.rmtree(folder)
                return
            except OSError as error:
                if error.errno not in _GONE_OR_IN_USE:
                    raise

    def delete_one(self, job_id: str, index: int, media_type: str, *, attempt: int = 1) -> None:
        """Deletes an image file, if it is there, and the job's folder with its last file."""
        folder = self._folder(job_id)
        (folder / _name(index, media_type, attempt)).unlink(missing_ok=True)
        try:
            folder.rmdir()
        except OSError as error:
            if error.errno not in _GONE_OR_IN_USE:
                raise

    def probe(self) -> None:
        """Writes and deletes a file, to find out whether the disk can be written to."""
        make_folder(self._root)
        file = self._root / f"probe.{secrets.token_hex(4)}{PARTIAL}"
        try:
            write_file(file, bytes(_PROBE_BYTES))
        finally:
            file.unlink(missing_ok=True)

    def jobs_older_than(self, seconds: float) -> Iterator[str]:
        """Returns the ids of the jobs whose folders have not changed for this long."""
        return jobs_older_than(self._root, seconds)

    def _folder(self, job_id: str) -> Path:
        return job_folder(self._root, job_id)


def existing_folder(root: Path) -> Path:
    """Returns `root`, or an earlier release's folder beside it that has not been renamed yet."""
    former = root.with_name(_FORMER_NAME)
    return former if former.is_dir() and not root.exists() else root


def rename_former_folder(root: Path) -> None:
    """Renames the image folder of an earlier release to `root`, unless `root` exists.

    Servers that start together may all call this. Raises OSError.
    """
    former = existing_folder(root)
    if former == root:
        return
    try:
        former.rename(root)
    except FileNotFoundError:
        return  # Another server was faster.
    except OSError as error:
        raise OSError(
            f"The image folder of an earlier version cannot be renamed from {former} to {root} ({error.strerror}): "
            "move it yourself, then start again."
        ) from error
    sync_folder(root.parent)


def _name(index: int, media_type: str, attempt: int) -> str:
    return f"{_stem(index, attempt)}.{EXTENSIONS[media_type]}"


def _thumbnail_name(index: int, attempt: int) -> str:
    return f"{_stem(index, attempt)}.thumbnail.webp"


def _stem(index: int, attempt: int) -> str:
    return str(index) if attempt == 1 else f"{index}.{attempt}"
