"""Memory of a worker process, as Linux counts it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from benchmarks.peers.reaper import descendants

_KIB = 1024


class Memory(NamedTuple):
    """Resident bytes of a process."""

    now_bytes: int
    peak_bytes: int
    """The most since the process started."""


def worker_memory() -> Memory | None:
    """Returns the memory of the first worker among the descendants of this process; None where there is none."""
    for pid in descendants(os.getpid()):
        memory = _of(pid)
        if memory is not None:
            return memory
    return None


def _of(pid: int) -> Memory | None:
    """Returns None for a process that has ended or is no worker, and on a system without /proc."""
    process = Path(f"/proc/{pid}")
    try:
        if b"service.engine.worker" not in (process / "cmdline").read_bytes().split(b"\0"):
            return None
        lines = (process / "status").read_text().splitlines()
    except OSError:
        return None
    fields = dict(line.split(":", 1) for line in lines)
    return Memory(*(int(fields[name].split()[0]) * _KIB for name in ("VmRSS", "VmHWM")))
