"""Lets the servers of one machine notice at once, by locked files, that one of them has died.

Each server holds a lock (flock(2)) on a file of its own in a folder of the data folder, and the kernel releases it when
the process ends, however it ends. A stopped process keeps its lock. The file's name says to which server it belongs,
and under which kernel that runs: another kernel's locks say nothing here, because a network file system may not pass
them on. Where nothing is known of a server, the leases of its jobs decide.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

import structlog

_SUFFIX: Final = ".lock"
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")

_log = structlog.get_logger("darkroom.jobs")


def kernel_id() -> str:
    """Names the running kernel: the boot id on Linux, which containers of one machine share; elsewhere the host."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return socket.gethostname()


class OwnerLock:
    """Holds the lock of one server, and looks at the locks of the others."""

    def __init__(self, folder: Path, owner: str, *, kernel: str | None = None) -> None:
        """`owner` is the unique name under which the server claims jobs."""
        self._folder = folder
        self._kernel = quote(kernel_id() if kernel is None else kernel, safe="")
        self._file = folder / f"{self._kernel},{quote(owner, safe='')}{_SUFFIX}"
        self._descriptor: int | None = None

    def hold(self) -> None:
        """Takes the lock. Logs a warning and goes without where the file system has no locks."""
        draft = self._file.with_suffix(".new")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(draft, os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            draft.rename(self._file)  # Nobody sees the file without its lock.
        except OSError as error:
            _log.warning("other servers learn of this one's death from leases alone", reason=error.strerror)
            self._close()
            with contextlib.suppress(OSError):
                draft.unlink()

    def release(self, *, keeps_file: bool) -> None:
        """Releases the lock. `keeps_file` leaves the file, by which others find that this server has ended."""
        if self._descriptor is None:
            return
        if not keeps_file:
            _remove(self._file)
        self._close()

    def dead_owners(self) -> list[str]:
        """Returns the servers of this kernel whose lock is free."""
        return [owner for kernel, owner in self._free_locks() if kernel == self._kernel]

    def forget(self, owners: Collection[str]) -> None:
        """Deletes the files of servers that are dead and have no jobs, and the free ones that earlier kernels left."""
        for kernel, owner in list(self._free_locks()):
            if kernel != self._kernel or owner in owners:
                _remove(self._folder / f"{kernel},{quote(owner, safe='')}{_SUFFIX}")

    def _free_locks(self) -> Iterator[tuple[str, str]]:
        """Yields kernel and owner of each file that nobody has locked."""
        for file in self._folder.glob(f"*{_SUFFIX}"):
            if file != self._file and _is_free(file):
                kernel, _, owner = file.name.removesuffix(_SUFFIX).partition(",")
                yield kernel, unquote(owner)

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _is_free(file: Path) -> bool:
    """Returns whether nobody holds the lock. A file that cannot be opened or locked counts as held."""
    try:
        descriptor = os.open(file, os.O_RDONLY)
    except OSError:
        return False
    try:
        # Shared, so that two servers that look at the same time do not take each other for the owner.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def _remove(file: Path) -> None:
    with contextlib.suppress(OSError):
        file.unlink()
