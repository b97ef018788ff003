"""The memory of a worker among the descendants of this process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.process_memory import worker_memory

needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system has no /proc")


def test_without_a_worker_there_is_no_memory() -> None:
    assert worker_memory() is None


@needs_proc
def test_the_memory_of_a_worker_is_found_with_its_peak() -> None:
    held = "import sys; held = bytearray(64 << 20); del held; print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", held, "service.engine.worker"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        assert worker.stdout is not None
        worker.stdout.readline()
        memory = worker_memory()
        worker.communicate()

    assert memory is not None
    assert memory.peak_bytes - memory.now_bytes > 32 << 20
