"""Failpoints: moments in a job's life at which a server can be killed, stopped or made to fail.

Tests arm a failpoint, and servers reach it. Armed failpoints are files in a folder of the server; each file says what
happens. The first thread to reach a failpoint removes its file, so that each file takes effect once.
"""

from __future__ import annotations

import enum
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

OPERATIONS: Final = ("create", "claim", "heartbeat", "add_image", "finish", "release", "cancel", "delete")
"""Methods of `JobRepository` and `JobClaims` that make a transaction.

`add_image` of a job's last image, which is recorded together with the job's end, is a `finish`.
"""
IMAGE_HALF_WRITTEN: Final = "image.half_written"
IMAGE_WRITTEN: Final = "image.written"
"""The whole file is written, under its temporary name."""
IMAGE_RENAMED: Final = "image.renamed"
"""The file has its name; its folder is not synced yet."""
IMAGE_STORED: Final = "image.stored"
"""The file is stored; no record refers to it yet."""
FILES_DELETING: Final = "files.deleting"
"""The record is deleted; the files are not."""


def uncommitted(operation: str) -> str:
    """The failpoint at which the operation's statements have run and its transaction is open."""
    return f"{operation}.uncommitted"


def committed(operation: str) -> str:
    """The failpoint at which the operation's transaction has just been committed."""
    return f"{operation}.committed"


FAILPOINTS: Final = (
    *(uncommitted(operation) for operation in OPERATIONS),
    *(committed(operation) for operation in OPERATIONS),
    *(IMAGE_HALF_WRITTEN, IMAGE_WRITTEN, IMAGE_RENAMED, IMAGE_STORED, FILES_DELETING),
)

SHUTDOWN_FAILPOINTS: Final = (uncommitted("release"), committed("release"))
"""Failpoints that a server reaches when it is told to stop, and otherwise only where its store fails."""


class Action(enum.StrEnum):
    """The effect of an armed failpoint."""

    KILL = "kill"
    STOP = "stop"
    """SIGSTOP. The server continues at SIGCONT."""
    FAIL = "fail"
    """An error of the disk or the database, raised after the operation or before its commit."""


def stop_here() -> None:
    """Stops the process, and this thread before it does anything more.

    A signal for the process might reach another thread first, and this one would run on for a moment.
    """
    signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)


@dataclass(frozen=True, slots=True)
class Failpoints:
    """The failpoints of one server."""

    folder: Path

    def arm(self, name: str, action: Action = Action.KILL) -> None:
        assert name in FAILPOINTS, "no server would reach an unknown failpoint"
        draft = self.folder / "draft"
        draft.write_text(action)
        draft.replace(self.folder / name)

    def is_armed(self, name: str) -> bool:
        """Return True until the server has reached the failpoint."""
        return (self.folder / name).exists()

    def reach(self, name: str, error: Callable[[], Exception], stop: Callable[[], None] = stop_here) -> None:
        """Called by servers. Raises the exception that `error` returns where the failpoint is armed to fail."""
        file = self.folder / name
        try:
            action = Action(file.read_text())
            file.unlink()
        except FileNotFoundError:
            return  # It is not armed, or another thread has removed its file.
        match action:
            case Action.KILL:
                os.kill(os.getpid(), signal.SIGKILL)
            case Action.STOP:
                stop()
            case Action.FAIL:
                raise error()
