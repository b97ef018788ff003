"""The reaper kills a command and all its descendants when its standard input closes."""

from __future__ import annotations

import signal
import subprocess
import sys

from benchmarks.peers.servers import ROOT


def reaper(*command: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.peers.reaper", *command],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def test_a_command_and_its_children_end_when_the_parent_goes_away() -> None:
    with reaper("sh", "-c", "sleep 1000 & echo started; wait") as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == b"started\n"
        process.stdin.close()
        # Standard output closes when the last process that holds it is gone.
        assert process.stdout.read() == b""
        assert process.wait() == 128 + signal.SIGTERM


def test_a_descendant_in_another_session_ends_too() -> None:
    leaves_session = "import os, time; os.setsid(); print('started', flush=True); time.sleep(1000)"
    with reaper("sh", "-c", f'"{sys.executable}" -c "{leaves_session}" & wait') as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == b"started\n"
        process.stdin.close()
        assert process.stdout.read() == b""


def test_the_exit_status_of_the_command_is_passed_on() -> None:
    with reaper("sh", "-c", "exit 7") as process:
        assert process.wait() == 7
