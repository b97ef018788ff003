"""Runs one part in a process of its own, so that one that hangs or breaks the device ends alone."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final

import msgspec

from benchmarks.gpu import plan, record
from benchmarks.gpu.plan import Part, Settings
from benchmarks.gpu.record import Record, Results

DONE: Final = "done"
FAILED: Final = "failed"
CUT: Final = "cut"


class Outcome(msgspec.Struct):
    """The end of a part: its status, and the facts that it had recorded by then."""

    name: str
    title: str
    status: str
    seconds: float
    results: Results


def run(part: Part, settings: Settings, log: IO[bytes]) -> Outcome:
    """Run the part until it ends or its limit is reached. Its output goes to `log`."""
    file = settings.work_folder / "part.json"
    file.unlink(missing_ok=True)
    arguments = [part.function, msgspec.json.encode(dataclasses.asdict(settings)).decode(), str(file)]
    start_s = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.gpu.child", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": str(plan.TINY_THREADS)} if settings.tiny else None,
    )
    try:
        status = DONE if process.wait(settings.limit_s) == 0 else FAILED
    except subprocess.TimeoutExpired:
        status = CUT
    finally:
        _kill(process)
    results = record.read(file)
    if status == FAILED and not results.error:
        results.error = f"The process ended with status {process.returncode}."
    return Outcome(part.name, part.title, status, time.monotonic() - start_s, results)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the process and those that it started in its session."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def run_here(function: str, settings: Settings, results: Record) -> bool:
    """Run a part's function in this process. Returns whether it succeeded; an exception is recorded."""
    module, name = function.split(":")
    try:
        part: Callable[[Settings, Record], None] = getattr(importlib.import_module(module), name)
        part(settings, results)
    except Exception as error:  # noqa: BLE001 -- whatever ends a part, the next one goes on
        traceback.print_exc()
        results.error(error)
        return False
    return True


def main(function: str, settings: str, file: str) -> int:
    decoded = msgspec.json.decode(settings, type=Settings)
    return 0 if run_here(function, decoded, Record(Path(file))) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
