"""Memory and CPU time of worker processes, as Linux counts them."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.peers.reaper import descendants

WORKER: Final = "service.engine.worker"
_KIB: Final = 1024
_USER_TICKS: Final = 11
"""Position of the user's and the system's CPU time among the fields of /proc/PID/stat behind the name (proc(5))."""


class WorkerUse(NamedTuple):
    """The CPU time and the memory that a worker has used so far."""

    now_bytes: int
    """Resident memory."""
    peak_bytes: int
    """The most since the process started."""
    cpu_s: float
    """CPU seconds of all its threads."""


def worker_use() -> WorkerUse | None:
    """Returns the use of the first worker among the descendants of this process; None where there is none."""
    return next(iter(worker_uses().values()), None)


def worker_uses(module: str = WORKER) -> dict[int, WorkerUse]:
    """Returns the use of each worker among the descendants of this process, by process id.

    `module` is what the workers run.
    """
    found = {pid: _of(pid, module) for pid in descendants(os.getpid())}
    return {pid: use for pid, use in found.items() if use is not None}


def total_cpu_s(module: str = WORKER) -> float:
    """Returns the CPU seconds of this process and of all workers among its descendants so far."""
    return time.process_time() + sum(use.cpu_s for use in worker_uses(module).values())


def _of(pid: int, module: str) -> WorkerUse | None:
    """Returns None for a process that has ended or is no worker, and on a system without /proc."""
    process = Path(f"/proc/{pid}")
    try:
        if module.encode() not in (process / "cmdline").read_bytes().split(b"\0"):
            return None
        lines, stat = (process / "status").read_text().splitlines(), (process / "stat").read_text()
    except OSError:
        return None
    fields = dict(line.split(":", 1) for line in lines)
    ticks = stat.rpartition(") ")[2].split()[_USER_TICKS : _USER_TICKS + 2]
    return WorkerUse(
        now_bytes=int(fields["VmRSS"].split()[0]) * _KIB,
        peak_bytes=int(fields["VmHWM"].split()[0]) * _KIB,
        cpu_s=sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK"),
    )
