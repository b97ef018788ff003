"""Watches the free space of the disks, so that new work is refused before they are full, and a full one can be emptied.

Deleting a record takes a few pages of the database's log, which a full disk does not have. So a file beside the
database, the reserve, is deleted before something is deleted from a full disk. All functions block, but not for long.
"""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import structlog

from service.errors import StorageFullError

RESERVE: Final = "jobs.reserve"
"""Name of the reserve file."""
MAX_RESERVE_BYTES: Final = 8 << 20
"""Size of the reserve. The log of a transaction that deletes a hundred jobs takes less than half of it."""
_LOOK_EVERY_S: Final = 1.0
_RETRY_S: Final = 30.0

_log = structlog.get_logger("darkroom.jobs")


def free_bytes(folder: Path) -> int:
    """Returns the number of bytes that an unprivileged process may still write. Raises OSError."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


class FreeSpace:
    """Watches the disks of some folders. A folder that does not exist yet, or cannot be read, is left out."""

    def __init__(
        self,
        folders: Sequence[Path],
        min_free_bytes: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        measure: Callable[[Path], int] = free_bytes,
    ) -> None:
        """New work is refused below `min_free_bytes`; 0 never refuses and keeps no reserve.

        The reserve is in the first folder. The disks are measured at most once a second.
        """
        self._folders = folders
        self._min_free_bytes = min_free_bytes
        self._clock = clock
        self._measure = measure
        self._measured_at = -math.inf
        self._free_bytes = 0.0
        self._is_short = False
        self._reserve = folders[0] / RESERVE
        self._reserve_bytes = min(MAX_RESERVE_BYTES, min_free_bytes)

    def free_bytes(self) -> float:
        """Returns the bytes that are free on the fullest of the disks."""
        now = self._clock()
        if now - self._measured_at >= _LOOK_EVERY_S:
            self._free_bytes, self._measured_at = self._least(), now
        return self._free_bytes

    def require(self) -> None:
        """Raises `StorageFullError` where there is no room for new work."""
        free = self.free_bytes()
        is_short = free < self._min_free_bytes
        if is_short != self._is_short:
            self._is_short = is_short
            tell = _log.warning if is_short else _log.info
            told = "the disk is nearly full: new jobs are refused" if is_short else "the disk has room again"
            tell(told, free_bytes=int(free), min_free_bytes=self._min_free_bytes)
        if is_short:
            raise StorageFullError("The server's disk is full. Try again later.", retry_after_s=_RETRY_S)

    def update_reserve(self) -> None:
        """Deletes the reserve if the disk is full, and makes it again if there is room.

        Call this before something is deleted. A missing reserve matters only on a full disk.
        """
        if not self._reserve_bytes:
            return
        free, exists = self.free_bytes(), self._reserve.exists()
        with contextlib.suppress(OSError):
            if exists and free < self._reserve_bytes:
                self._reserve.unlink()
                self._measured_at = -math.inf
                _log.warning("the disk is full: the reserve is given up, so that jobs can be deleted")
            elif not exists and free >= self._min_free_bytes + self._reserve_bytes:
                _allocate(self._reserve, self._reserve_bytes)

    def _least(self) -> float:
        found = []
        for folder in self._folders:
            with contextlib.suppress(OSError):
                found.append(self._measure(folder))
        return float(min(found, default=math.inf))


def _allocate(file: Path, size: int) -> None:
    """Makes a file of `size` bytes with reserved space on the disk, or no file at all."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(descriptor, 0, size)
        elif os.write(descriptor, bytes(size)) < size:
            raise OSError("there was no room for all of it")
    except OSError:
        file.unlink()
        raise
    finally:
        os.close(descriptor)
