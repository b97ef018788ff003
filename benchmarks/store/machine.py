"""The machine that was measured on: its cores and their load, and the disk under the store."""

from __future__ import annotations

import os
import sqlite3
import statistics
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

_IN_MEMORY: Final = ("tmpfs", "ramfs")
_MOUNTS: Final = Path("/proc/mounts")
_SYNCS: Final = 20
_BLOCK: Final = bytes(4096)


class NotOnDisk(Exception):
    """A folder whose files are in memory: what is synced there is not durable, and costs nothing."""


def describe(folder: Path, mounts: Path = _MOUNTS) -> dict[str, Any]:
    """Returns the facts about the machine and the folder's disk. Raises `NotOnDisk`."""
    kind = filesystem(folder, mounts.read_text().splitlines())
    if kind in _IN_MEMORY:
        raise NotOnDisk(f"{folder} is on {kind}: choose a folder on a disk with --folder")
    return {
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "filesystem": kind,
        "sync of 4 KiB, ms": round(1e3 * sync_s(folder), 2),
        "SQLite": sqlite3.sqlite_version,
    }


def filesystem(folder: Path, mounts: Iterable[str]) -> str:
    """Returns the kind of the file system that holds the folder. `mounts` are lines as in /proc/mounts."""
    resolved, found = folder.resolve(), ("/", "unknown")
    for line in mounts:
        _, point, kind, *_ = line.split()
        if resolved.is_relative_to(point) and len(point) >= len(found[0]):
            found = (point, kind)
    return found[1]


def sync_s(folder: Path) -> float:
    """Returns the median time of a write to the end of a file in the folder, and its fsync."""
    file = folder / "synced"
    times_s = []
    with file.open("wb", buffering=0) as written:
        for _ in range(_SYNCS):
            begun_s = time.perf_counter()
            written.write(_BLOCK)
            os.fsync(written.fileno())
            times_s.append(time.perf_counter() - begun_s)
    file.unlink()
    return statistics.median(times_s)
