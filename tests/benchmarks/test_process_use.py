"""The memory and CPU time of a worker among the descendants of this process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.process_use import worker_use

needs_proc = pytest.mark.skipif(
    not Path("/proc/self/status").exists(),
    reason="memory is read from /proc, which is not here",
)


def test_without_a_worker_there_is_no_use() -> None:
    assert worker_use() is None


@needs_proc
def test_the_use_of_a_worker_is_found() -> None:
    held = "import sys; held = bytearray(64 << 20); del held; print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", held, "service.engine.worker"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        assert worker.stdout is not None
        worker.stdout.readline()
        use = worker_use()
        worker.communicate()

    assert use is not None
    assert use.peak_bytes - use.now_bytes > 32 << 20
    assert use.cpu_s > 0
