"""What a batch shows while it runs: bars on a terminal, and lines elsewhere."""

from __future__ import annotations

import io
import re

from rich.console import Console

from darkroom.cli.terminal.progress import QUIET_S, LiveProgress, PlainProgress


def live(images: int) -> tuple[LiveProgress, io.StringIO]:
    file = io.StringIO()
    return LiveProgress(images, Console(file=file, force_terminal=True, width=100, color_system=None)), file


class Clock:
    """A clock that the test sets."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_each_image_has_a_bar_until_it_is_finished() -> None:
    progress, file = live(2)
    with progress:
        progress.show("a", "circle.png", 0.5, "step 5 of 10")
    assert "circle.png" in file.getvalue()
    assert "step 5 of 10" in file.getvalue()
    with progress:
        progress.finish("a")
        file.seek(0)
        file.truncate()
    assert "1 of 2" in file.getvalue()
    assert "circle.png" not in file.getvalue()


def test_images_that_only_a_backend_knows_have_numbers() -> None:
    progress, file = live(2)
    with progress:
        progress.stage("Loading the model")
        progress.advance("x1", 0.25)
        progress.advance("x2", 0.5)
        progress.advance("x1", 1.0)
    assert "image 2" in file.getvalue()


def screen(text: str) -> list[str]:
    """Return the lines that a terminal shows after it was sent a text, which may move the cursor up and erase."""
    lines, row = [""], 0
    for part in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", text):
        if part == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif up := re.fullmatch(r"\x1b\[(\d+)A", part):
            row = max(0, row - int(up[1]))
        elif part == "\x1b[2K":
            lines[row] = ""
        elif part[0] not in "\r\x1b":
            lines[row] += part
    return [line for line in lines if line]


def test_output_while_the_bars_are_paused_stays() -> None:
    progress, file = live(2)
    with progress:
        progress.show("a", "circle.png", 0.5, "step 5 of 10")
        for line in ("first", "second"):
            with progress.paused():
                file.write(f"{line}\n")
        progress.finish("a")
    assert screen(file.getvalue()) == ["first", "second"]


def test_what_goes_before_the_images_has_a_line_where_it_takes_long() -> None:
    file, clock = io.StringIO(), Clock()
    progress = PlainProgress(1, file, clock)
    progress.stage("Importing the libraries")
    clock.now_s = QUIET_S
    progress.stage("Loading the model")
    progress.stage("Measuring")
    assert file.getvalue() == "Loading the model\n"


def test_an_image_that_takes_long_has_a_line_now_and_then() -> None:
    file, clock = io.StringIO(), Clock()
    with PlainProgress(2, file, clock) as progress:
        progress.show("a", "circle.png", 0.1, "step 1 of 10")
        progress.finish("b")
        clock.now_s = QUIET_S
        progress.show("a", "circle.png", 0.5, "step 5 of 10")
        progress.show("a", "circle.png", 0.6, "step 6 of 10")
    assert file.getvalue() == "circle.png: step 5 of 10 (1 of 2 images done)\n"


def test_the_lines_about_a_backends_images_have_numbers() -> None:
    file, clock = io.StringIO(), Clock()
    progress = PlainProgress(2, file, clock)
    progress.advance("x1", 0.1)
    progress.advance("x2", 0.1)
    clock.now_s = QUIET_S
    progress.advance("x2", 0.5)
    assert file.getvalue() == "image 2: 50% (0 of 2 images done)\n"
