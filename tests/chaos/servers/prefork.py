"""Forks servers from a process that has imported everything they need, because imports are most of a server's start.

    python -m tests.chaos.servers.prefork

Reads one `StartCommand` per line from its standard input, and answers each with the id of the new process. It ends when
its input ends. The servers end when it does.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import traceback
from typing import Final, NoReturn

import msgspec

from tests.chaos.servers.serve import ServerOptions, run

_PR_SET_PDEATHSIG: Final = 1
"""Option of prctl(2): sets the signal that the kernel sends to this process when its parent ends."""


class StartCommand(msgspec.Struct, frozen=True):
    options: ServerOptions
    environment: dict[str, str]
    log: str
    """File that receives the server's standard error."""
    output: str
    """File that receives its standard output: its URL, which a line of the log must not cut in two."""


def main() -> int:
    # Ended servers need no wait(2): the tests watch them by process id.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin.buffer:
        command = msgspec.json.decode(line, type=StartCommand)
        pid = os.fork()
        if pid == 0:
            _run_server(command)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
    return 0


def _run_server(command: StartCommand) -> NoReturn:
    """Run a server in the forked process. It has a session of its own and keeps only the imported modules."""
    status = 1
    with contextlib.suppress(SystemExit):
        try:
            os.setsid()
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _redirect(command.output, command.log)
            os.environ.clear()
            os.environ.update(command.environment)
            status = run(command.options)
        except Exception:  # noqa: BLE001 -- the fork must not return to the loop of `main`
            traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _redirect(output: str, log: str) -> None:
    """Read standard input from nothing, and write standard output and error to two files."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    files = [os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644) for path in (output, log)]
    for standard, opened in enumerate((nothing, *files)):
        os.dup2(opened, standard)
        os.close(opened)


if __name__ == "__main__":
    sys.exit(main())
