"""Forks servers off a process that has imported all they need, as a start would otherwise be imports for the most part.

    python -m tests.chaos.servers.prefork

Reads a `Birth` a line from its standard input and answers each with the process's id. Its servers end with it, and it
ends with its input.
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
"""Of prctl(2): the signal that the kernel sends when the parent has ended."""


class Birth(msgspec.Struct, frozen=True):
    options: ServerOptions
    environment: dict[str, str]
    log: str
    """File for what the server prints."""


def main() -> int:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # Nobody waits for the servers: whoever watches them has their ids.
    for line in sys.stdin.buffer:
        birth = msgspec.json.decode(line, type=Birth)
        pid = os.fork()
        if pid == 0:
            _be_server(birth)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
    return 0


def _be_server(birth: Birth) -> NoReturn:
    """In a session of its own, with nothing of the nursery's but its modules."""
    status = 1
    with contextlib.suppress(SystemExit):
        try:
            os.setsid()
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _redirect(birth.log)
            os.environ.clear()
            os.environ.update(birth.environment)
            status = run(birth.options)
        except Exception:  # noqa: BLE001 -- it must not go on as a second nursery
            traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _redirect(log: str) -> None:
    nothing, file = os.open(os.devnull, os.O_RDONLY), os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for opened, standard in ((nothing, 0), (file, 1), (file, 2)):
        os.dup2(opened, standard)
    os.close(nothing)
    os.close(file)


if __name__ == "__main__":
    sys.exit(main())
