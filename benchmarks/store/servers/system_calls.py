"""Counts a process's syncs with strace, which slows it down: nothing is timed meanwhile."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_SYNCS: Final = ("fsync", "fdatasync", "sync_file_range")
_ATTACH_S: Final = 10.0


class SyncCount:
    """Syncs that were counted. `calls` is None before the block has ended, and where there is no right to trace."""

    calls: int | None = None


@contextlib.contextmanager
def counted_syncs(pid: int, report: Path) -> Iterator[SyncCount]:
    """Counts the syncs of all threads of a process during the block. strace writes its table to `report`."""
    counted = SyncCount()
    if shutil.which("strace") is None:
        yield counted
        return
    options = ["--follow-forks", "--summary-only", f"--trace={','.join(_SYNCS)}", "--output", str(report)]
    with subprocess.Popen(["strace", *options, "--attach", str(pid)], stderr=subprocess.PIPE) as strace:
        attached = _wait_until_attached(strace, pid)
        try:
            yield counted
        finally:
            if strace.poll() is None:
                strace.send_signal(signal.SIGINT)
            strace.communicate()
    if attached:
        counted.calls = parse(report.read_text())


def parse(table: str) -> int:
    """Returns the number of calls in the table of `strace -c`."""
    rows = [line.split() for line in table.splitlines()]
    return sum(int(row[3]) for row in rows if row and row[-1] in _SYNCS)


def _wait_until_attached(strace: subprocess.Popen[bytes], pid: int) -> bool:
    """Returns whether strace has attached to the process, and not ended because it may not."""
    until_s = time.monotonic() + _ATTACH_S
    while time.monotonic() < until_s and strace.poll() is None:
        if f"TracerPid:\t{strace.pid}" in Path(f"/proc/{pid}/status").read_text():
            time.sleep(0.1)  # The other threads follow.
            return True
        time.sleep(0.01)
    return False
