"""The exit statuses of the command, which scripts may rely on."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import typer


class Status(IntEnum):
    """The statuses with which the command exits."""

    DONE = 0
    FAILED = 1
    INVALID = 2
    UNREACHABLE = 3
    REFUSED = 4
    NOT_FOUND = 5
    BUSY = 6
    CANCELED = 7
    INTERRUPTED = 130


MEANINGS: Final = {
    Status.DONE: "The command succeeded.",
    Status.FAILED: "A job, a file, or the server failed.",
    Status.INVALID: "An option or a value is invalid; the message names it.",
    Status.UNREACHABLE: "No Darkroom server answers at the address.",
    Status.REFUSED: "The API key is missing, unknown, or not allowed to do this.",
    Status.NOT_FOUND: "There is no such job, or no such route on this server.",
    Status.BUSY: "The server is busy or starting; try again later.",
    Status.CANCELED: "The job was canceled by somebody else.",
    Status.INTERRUPTED: "Ctrl-C was pressed; unfinished jobs of `generate` and `xyz` were canceled on the server.",
}


class CommandError(typer.TyperException):
    """Ends the command with one sentence and a status."""

    def __init__(self, message: str, status: Status = Status.FAILED) -> None:
        super().__init__(message)
        self.exit_code = status


class Stopped(CommandError):
    """Ctrl-C ended a command that only watched. The message says so, and is not an error."""

    def __init__(self, message: str) -> None:
        super().__init__(message, Status.INTERRUPTED)
