"""Reads the memory and the CPU time of processes, of workers above all, as Linux counts them."""

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


class ProcessUse(NamedTuple):
    """The CPU time and the memory that a process has used so far."""

    now_bytes: int
    """Resident memory."""
    peak_bytes: int
    """The most since the process started."""
    cpu_s: float
    """CPU seconds of all its threads."""
    children_cpu_s: float
    """CPU seconds of those of its children that have ended."""


def worker_use() -> ProcessUse | None:
    """Returns the use of the first worker among the descendants of this process; None where there is none."""
    return next(iter(worker_uses().values()), None)


def worker_uses(module: str = WORKER) -> dict[int, ProcessUse]:
    """Returns the use of each worker among the descendants of this process, by process id.

    `module` is what the workers run.
    """
    found = {pid: _of(pid, module) for pid in descendants(os.getpid())}
    return {pid: use for pid, use in found.items() if use is not None}


def total_cpu_s(module: str = WORKER) -> float:
    """Returns the CPU seconds of this process and of all workers among its descendants so far."""
    return time.process_time() + sum(use.cpu_s for use in worker_uses(module).values())


def _of(pid: int, module: str) -> ProcessUse | None:
    """Returns the use of a worker; None for a process that has ended or is none, and on a system without /proc."""
    try:
        is_worker = module.encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return None
    return process_use(pid) if is_worker else None


def process_use(pid: int) -> ProcessUse | None:
    """Returns the use of a process; None for one that has ended, and on a system without /proc."""
    process = Path(f"/proc/{pid}")
    try:
        lines, stat = (process / "status").read_text().splitlines(), (process / "stat").read_text()
    except OSError:
        return None
    fields = dict(line.split(":", 1) for line in lines)
    if "VmRSS" not in fields:  # It has ended, and its parent has not yet taken note of it.
        return None
    user, system, of_children, of_children_system = map(
        int, stat.rpartition(") ")[2].split()[_USER_TICKS : _USER_TICKS + 4]
    )
    ticks_a_second = os.sysconf("SC_CLK_TCK")
    return ProcessUse(
        now_bytes=int(fields["VmRSS"].split()[0]) * _KIB,
        peak_bytes=int(fields["VmHWM"].split()[0]) * _KIB,
        cpu_s=(user + system) / ticks_a_second,
        children_cpu_s=(of_children + of_children_system) / ticks_a_second,
    )
