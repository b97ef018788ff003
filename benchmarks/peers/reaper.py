"""Runs a command for as long as somebody holds this process's standard input, then ends it with all that it started.

    python -m benchmarks.peers.reaper COMMAND [ARGUMENT ...]

Whoever started it, and dies without a word, thereby closes that input. Knows nothing of servers.
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


def main(command: Sequence[str]) -> NoReturn:
    """Never returns: the process ends with the command's exit status."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    ending = threading.Event()
    threading.Thread(target=_follow, args=(child, ending), daemon=True).start()
    try:
        while sys.stdin.buffer.read(1024):
            pass
    finally:
        ending.set()
        _end(child)
    _exit_as(child.wait())


def _follow(child: subprocess.Popen[bytes], ending: threading.Event) -> None:
    """Exit when the command does by itself; stragglers of its session go too."""
    status = child.wait()
    if not ending.is_set():
        _kill_session(child)
        _exit_as(status)


def _exit_as(status: int) -> NoReturn:
    os._exit(status if status >= 0 else 128 - status)


def _end(child: subprocess.Popen[bytes]) -> None:
    """Ask the command alone, which knows the order in which to end its own; then end what is left of them."""
    started = _descendants(child.pid)
    child.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(_GRACE_S)
    for pid in started:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    _kill_session(child)


def _descendants(root: int) -> list[int]:
    """Ids of the processes under `root`, those with sessions of their own included."""
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
    """The session's process group has the command's id."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1:])
