"""Counting the syncs of a process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.store.servers.system_calls import counted_syncs, parse
from tests.harness.programs.finding import find_program

TABLE = """\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ------------------
 60.00    0.000120          40         3           fdatasync
 40.00    0.000080          20        12         1 fsync
------ ----------- ----------- --------- --------- ------------------
100.00    0.000200          13        15         1 total
"""
SYNCING = """
import os, sys
file = open(sys.argv[1], "w")
print(flush=True)
sys.stdin.readline()
for _ in range(5):
    os.fsync(file.fileno())
print(flush=True)
sys.stdin.readline()
"""


def test_the_table_names_how_often_each_call_was_made() -> None:
    assert parse(TABLE) == 15


def test_a_table_without_syncs_counts_none() -> None:
    assert parse("") == 0


@pytest.mark.integration
def test_the_syncs_of_a_process_are_counted(tmp_path: Path) -> None:
    find_program("strace")
    command = [sys.executable, "-c", SYNCING, str(tmp_path / "file")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        with counted_syncs(process.pid, tmp_path / "report") as counted:
            process.stdin.write(b"\n")
            process.stdin.flush()
            process.stdout.readline()
        process.communicate(b"\n")

    if counted.calls is None:
        pytest.skip("this user may not trace processes")
    assert counted.calls == 5
