"""`darkroom generate --preview` as a whole in a terminal, before a server with a fake engine, as kitty reads it."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.client.cli.terminal.emulators.decoders import show_in_kitty
from tests.harness.command import Command
from tests.harness.wire.http_server import Harness

pytestmark = pytest.mark.integration

_GENERATE = (sys.executable, "-c", "from darkroom.cli.app import main; main()", "generate", "a red circle")
_GIVE_UP_S = 120.0
"""Silence after which a test fails instead of waiting for ever."""


class Terminal:
    """The other end of a program's terminal, with 24 lines of 80 cells."""

    def __init__(self, descriptor: int, process: subprocess.Popen[bytes]) -> None:
        self._descriptor = descriptor
        self.process = process
        self.text = ""

    def read_until(self, is_there: Callable[[str], object]) -> None:
        """Read what the program writes, until a condition holds or the program has ended."""
        while not is_there(self.text):
            readable, _, _ = select.select([self._descriptor], [], [], _GIVE_UP_S)
            assert readable, self.text
            try:
                content = os.read(self._descriptor, 1 << 16)
            except OSError:  # Linux reports the end of the program so.
                return
            self.text += content.decode()


@contextmanager
def in_terminal(*command: str, folder: Path, **environment: str) -> Iterator[Terminal]:
    """Run a command whose input and output are a terminal."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 800, 480))
    variables = {**os.environ, **environment}
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=variables, cwd=folder)
    os.close(theirs)
    try:
        yield Terminal(ours, process)
    finally:
        process.kill()
        process.wait()
        os.close(ours)


@pytest.mark.usefixtures("command")
def test_an_image_is_shown_while_it_is_made_and_then_finished(server: Harness, tmp_path: Path) -> None:
    server.engine.held_before = (0, 5)
    command = (*_GENERATE, "--steps", "8", "-o", "out.png", "--preview", "--server", server.url)
    with in_terminal(*command, folder=tmp_path, TERM="xterm-kitty") as terminal:
        terminal.read_until(lambda text: "C=1" in text and "step 4 of 8" in text.rpartition("C=1")[2])
        before = show_in_kitty(terminal.text)
        server.engine.held_before = None
        terminal.read_until(lambda _: False)
        assert terminal.process.wait() == 0
    assert [(place["row"], place["column"], place["columns"]) for place in before.places] == [(0, 0, 20)]
    assert before.lines[10].startswith("Generating")
    assert before.lines[11].startswith("out.png")
    after = show_in_kitty(terminal.text)
    assert after.lines[0].startswith("out.png  (seed ")
    assert [place["row"] for place in after.places] == [1]
    assert not any("Generating" in line for line in after.lines)
    assert after.replies == ""


@pytest.mark.usefixtures("command")
def test_nothing_is_drawn_in_a_terminal_without_the_option(server: Harness, tmp_path: Path) -> None:
    command = (*_GENERATE, "--steps", "8", "-o", "out.png", "--server", server.url)
    with in_terminal(*command, folder=tmp_path, TERM="xterm-kitty") as terminal:
        terminal.read_until(lambda _: False)
    assert "out.png" in terminal.text
    assert "\x1b_G" not in terminal.text


def test_nothing_is_drawn_while_images_are_made_for_another_program(command: Command, server: Harness) -> None:
    arguments = ("generate", "a red circle", "--steps", "8", "-o", "out.png", "--preview-protocol", "kitty")
    outcome = command(*arguments, "--server", server.url)
    assert outcome.status == 0
    assert "\x1b" not in outcome.err
    assert outcome.out.count("\x1b_Ga=T") == 1
