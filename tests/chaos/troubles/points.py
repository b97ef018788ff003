"""Moments in a job's life at which a server can be struck, and the trap that does it: tests arm it, servers visit it.

A trap is a folder, in which a file for each armed moment says how to strike. The server that comes by first takes the
file away and is struck, so that its successor is not.
"""

from __future__ import annotations

import enum
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

OPERATIONS: Final = ("create", "claim", "heartbeat", "add_image", "finish", "release", "cancel", "delete")
"""Transactions of `JobRepository` and `JobClaims`, by their methods' names."""
HALF_WRITTEN: Final = "image.half_written"
WRITTEN: Final = "image.written"
"""In whole, under its temporary name."""
RENAMED: Final = "image.renamed"
"""The folder is not synced yet."""
STORED: Final = "image.stored"
"""No record knows it yet."""
DELETING: Final = "files.deleting"
"""The record is deleted, the files are not."""


def uncommitted(operation: str) -> str:
    """Its statements have been made, and its transaction is open."""
    return f"{operation}.uncommitted"


def committed(operation: str) -> str:
    return f"{operation}.committed"


POINTS: Final = (
    *(uncommitted(operation) for operation in OPERATIONS),
    *(committed(operation) for operation in OPERATIONS),
    *(HALF_WRITTEN, WRITTEN, RENAMED, STORED, DELETING),
)

OF_THE_END: Final = (uncommitted("release"), committed("release"))
"""Those that a server comes by when it is told to stop, and otherwise only where its store fails."""


class Strike(enum.StrEnum):
    KILL = "kill"
    STOP = "stop"
    """SIGSTOP, after which SIGCONT lets it go on."""
    FAIL = "fail"
    """What was done, or was about to be, is told as an error of the disk or the database."""


def stop_here() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


@dataclass(frozen=True, slots=True)
class Trap:
    folder: Path

    def arm(self, point: str, strike: Strike = Strike.KILL) -> None:
        assert point in POINTS, "a trap at no known point would never spring"
        draft = self.folder / "draft"
        draft.write_text(strike)
        draft.replace(self.folder / point)

    def is_armed(self, point: str) -> bool:
        """Until it has sprung."""
        return (self.folder / point).exists()

    def visit(self, point: str, error: Callable[[], Exception], stop: Callable[[], None] = stop_here) -> None:
        """Called by servers. Raises what `error` makes where the trap is armed to make this point fail."""
        file = self.folder / point
        try:
            strike = Strike(file.read_text())
            file.unlink()
        except FileNotFoundError:
            return  # It is not armed, or another thread was here first.
        match strike:
            case Strike.KILL:
                os.kill(os.getpid(), signal.SIGKILL)
            case Strike.STOP:
                stop()
            case Strike.FAIL:
                raise error()
