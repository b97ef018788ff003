"""The part that runs the CUDA tests. Warnings do not fail them: another version of a library may bring new ones."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from typing import Final

from benchmarks.gpu import plan
from benchmarks.gpu.plan import Settings
from benchmarks.gpu.record import Record

TESTS: Final = "tests/pipelines/cuda"
TINY_TESTS: Final = "ddim or test_upcast"
"""Names of the few tests that a dry run makes."""

_VERDICT: Final = re.compile(r"^\S+::(\S+)\s+(PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS)\b")


def run(settings: Settings, record: Record) -> None:
    """Run the tests. Raises `RuntimeError` if one failed, or if none ran."""
    with subprocess.Popen(command(settings), stdout=subprocess.PIPE, text=True, env=_environment(settings)) as process:
        assert process.stdout is not None
        counted = follow(process.stdout, record)
        status = process.wait()
    if status != 0 or not counted["PASSED"]:
        raise RuntimeError(f"pytest ended with status {status} after {counted['PASSED']} passing tests")


def command(settings: Settings) -> list[str]:
    return [
        *(sys.executable, "-m", "pytest", TESTS, "--device", settings.device, "--verbose", "--tb=short"),
        *("-W", "default", "-p", "no:cacheprovider", "-o", "timeout=90"),
        *(("-k", TINY_TESTS) if settings.tiny else ()),
    ]


def _environment(settings: Settings) -> dict[str, str]:
    # cuBLAS reads the first when it is used for the first time; exact mode needs it.
    return {
        **os.environ,
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
        **({"OMP_NUM_THREADS": str(plan.TINY_THREADS)} if settings.tiny else {}),
    }


def follow(lines: Iterable[str], record: Record) -> Counter[str]:
    """Record each test as it ends, from the lines that pytest prints, and pass the lines on. Returns the counts."""
    counted: Counter[str] = Counter()
    table = record.table("Tests that did not pass", ["test", "verdict"])
    for line in lines:
        sys.stdout.write(line)
        found = _VERDICT.match(line)
        if found is None:
            continue
        counted[found[2]] += 1
        record.fact(found[2].lower(), counted[found[2]])
        if found[2] != "PASSED":
            record.row(table, found[1], found[2].lower())
    return counted
