"""A terminal that can show images is recognized."""

from __future__ import annotations

import os
import pty
import threading

import pytest

from darkroom.cli.terminal.detection import Protocol, ask_terminal, detect


@pytest.mark.parametrize(
    ("environ", "reply", "protocol"),
    [
        ({"KITTY_WINDOW_ID": "1"}, "", Protocol.KITTY),
        ({"TERM": "xterm-kitty"}, "", Protocol.KITTY),
        ({"TERM_PROGRAM": "ghostty"}, "", Protocol.KITTY),
        ({"KONSOLE_VERSION": "230400"}, "", Protocol.KITTY),
        ({"TERM_PROGRAM": "iTerm.app"}, "", Protocol.ITERM2),
        ({"LC_TERMINAL": "iTerm2"}, "", Protocol.ITERM2),
        ({"TERM_PROGRAM": "WezTerm"}, "", Protocol.ITERM2),
        ({"TERM": "xterm"}, "\x1b[?62;4;22c", Protocol.SIXEL),
        ({"TERM": "xterm"}, "\x1b[?62;22c", None),
        ({"TERM": "xterm"}, "", None),
        ({"TERM_PROGRAM": "iTerm.app", "TMUX": "/tmp/x"}, "\x1b[?1;2;4c", Protocol.SIXEL),
        ({"KITTY_WINDOW_ID": "1", "TMUX": "/tmp/x"}, "\x1b[?1;2c", None),
    ],
)
def test_the_protocol_follows_from_the_variables_and_the_reply(
    environ: dict[str, str], reply: str, protocol: Protocol | None
) -> None:
    assert detect(environ, lambda: reply) == protocol


def test_a_terminal_that_is_known_is_not_asked() -> None:
    def ask() -> str:
        raise AssertionError("it was asked")

    assert detect({"TERM": "xterm-kitty"}, ask) is Protocol.KITTY


def test_a_terminal_is_asked_and_its_reply_read() -> None:
    terminal, program = pty.openpty()

    def reply() -> None:
        assert os.read(terminal, 16) == b"\x1b[c"
        os.write(terminal, b"\x1b[?62;4c")

    thread = threading.Thread(target=reply)
    thread.start()
    try:
        assert ask_terminal(os.ttyname(program), timeout_s=60.0) == "\x1b[?62;4c"
    finally:
        thread.join()
        os.close(terminal)
        os.close(program)


def test_a_terminal_that_does_not_reply_gives_no_answer() -> None:
    terminal, program = pty.openpty()
    try:
        assert ask_terminal(os.ttyname(program), timeout_s=0.0) == ""
    finally:
        os.close(terminal)
        os.close(program)


def test_where_there_is_no_terminal_there_is_no_answer() -> None:
    assert ask_terminal("/nowhere") == ""
