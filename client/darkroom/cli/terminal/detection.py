"""Finds the protocol by which the terminal shows images, from its variables or by asking it, and its size."""

from __future__ import annotations

import contextlib
import os
import select
import struct
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final


class Protocol(str, Enum):
    """A way to show an image in a terminal."""

    KITTY = "kitty"
    ITERM2 = "iterm2"
    SIXEL = "sixel"


_ATTRIBUTES_QUERY: Final = b"\x1b[c"
"""Primary device attributes (DA1). Every terminal since the VT100 replies: ESC [ ? numbers c."""
_SIXEL_ATTRIBUTE: Final = "4"
REPLY_TIMEOUT_S: Final = 0.5

_CELL: Final = (10, 20)
"""Pixels of a cell, across and down, where the terminal does not tell: those of the VT340, to which sixels belong."""

_BY_PROGRAM: Final = {
    "ghostty": Protocol.KITTY,
    "iTerm.app": Protocol.ITERM2,
    "WezTerm": Protocol.ITERM2,
    "vscode": Protocol.ITERM2,
    "mintty": Protocol.ITERM2,
}
"""Values of TERM_PROGRAM."""


def detect(environ: Mapping[str, str], ask: Callable[[], str]) -> Protocol | None:
    """Return the protocol that the terminal knows, or None. `ask` returns its reply to `ESC [ c`."""
    # Inside tmux the variables are those of the terminal in which tmux was started, which sees nothing of this.
    if "TMUX" not in environ:
        if "KITTY_WINDOW_ID" in environ or "KONSOLE_VERSION" in environ or "kitty" in environ.get("TERM", ""):
            return Protocol.KITTY
        if environ.get("LC_TERMINAL") == "iTerm2":
            return Protocol.ITERM2
        if environ.get("TERM_PROGRAM") in _BY_PROGRAM:
            return _BY_PROGRAM[environ["TERM_PROGRAM"]]
    return Protocol.SIXEL if _has_sixels(ask()) else None


def _has_sixels(reply: str) -> bool:
    attributes = reply.removeprefix("\x1b[?").removesuffix("c").split(";")
    return _SIXEL_ATTRIBUTE in attributes


def ask_terminal(path: str = "/dev/tty", timeout_s: float = REPLY_TIMEOUT_S) -> str:
    """Ask the terminal for its attributes, and return the reply. It is empty where there is none in time."""
    if sys.platform == "win32":
        return ""
    try:
        terminal = os.open(path, os.O_RDWR | os.O_NOCTTY)
    except OSError:
        return ""
    try:
        with _unbuffered(terminal):
            os.write(terminal, _ATTRIBUTES_QUERY)
            return _read_reply(terminal, timeout_s).decode("ascii", errors="replace")
    finally:
        os.close(terminal)


@contextlib.contextmanager
def _unbuffered(terminal: int) -> Iterator[None]:
    """Keep the terminal from waiting for a whole line and from echoing the reply."""
    import termios
    import tty

    before = termios.tcgetattr(terminal)
    tty.setcbreak(terminal)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _read_reply(terminal: int, timeout_s: float) -> bytes:
    reply = b""
    until_s = time.monotonic() + timeout_s
    while not reply.endswith(b"c"):
        readable, _, _ = select.select([terminal], [], [], max(0.0, until_s - time.monotonic()))
        if not readable:
            return b""
        reply += os.read(terminal, 64)
    return reply


@dataclass(frozen=True, slots=True)
class Screen:
    """The size of a terminal in cells, and of a cell in pixels."""

    columns: int
    rows: int
    cell_width: int = _CELL[0]
    cell_height: int = _CELL[1]


def measure(terminal: int) -> Screen:
    """Return the size of the terminal with this descriptor. Raises `OSError` where it is none."""
    if sys.platform == "win32":
        return Screen(*os.get_terminal_size(terminal))
    import fcntl
    import termios

    answer = fcntl.ioctl(terminal, termios.TIOCGWINSZ, bytes(8))
    rows, columns, width, height = struct.unpack("4H", answer)
    if not (rows and columns and width and height):
        return Screen(columns or 80, rows or 24)
    return Screen(columns, rows, max(1, width // columns), max(1, height // rows))
