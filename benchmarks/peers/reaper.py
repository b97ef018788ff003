"""Runs a command until this process's standard input closes, then kills it with all its descendants.

    python -m benchmarks.peers.reaper COMMAND [ARGUMENT ...]

The input also closes when the parent process dies, so no server outlives an interrupted benchmark.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import Final, NoReturn

_GRACE_S: Final = 15.0
"""Time between SIGTERM and SIGKILL."""


def main(command: Sequence[str]) -> NoReturn:
    """Runs the command. Never returns: the process exits with the command's status."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    terminating = threading.Event()
    threading.Thread(target=_exit_with, args=(child, terminating), daemon=True).start()
    try:
        while sys.stdin.buffer.read(1024):
            pass
    finally:
        terminating.set()
        _terminate(child)
    _exit(child.wait())


def _exit_with(child: subprocess.Popen[bytes], terminating: threading.Event) -> None:
    """Waits for the command to exit by itself, kills the rest of its session and exits with its status."""
    status = child.wait()
    if not terminating.is_set():
        _kill_session(child)
        _exit(status)


def _exit(status: int) -> NoReturn:
    os._exit(status if status >= 0 else 128 - status)


def _terminate(child: subprocess.Popen[bytes]) -> None:
    """Terminates the command, which can stop its children in order, and then kills its remaining descendants."""
    left = descendants(child.pid)
    child.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(_GRACE_S)
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    _kill_session(child)


def descendants(root: int) -> list[int]:
    """Returns the ids of all descendants of `root`, including those in other sessions."""
    listing = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    children: dict[int, list[int]] = {}
    for line in listing.splitlines():
        pid, parent = map(int, line.split())
        children.setdefault(parent, []).append(pid)
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found[1:]


def _kill_session(child: subprocess.Popen[bytes]) -> None:
    """Kills the command's session, whose process group has the command's id."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1:])
