"""A batch shows bars on a terminal while it runs, and lines elsewhere."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from darkroom.cli.terminal.detection import Protocol, Screen
from darkroom.cli.terminal.live_previews import INTERVAL_S, LivePreviews
from darkroom.cli.terminal.progress import QUIET_S, LiveProgress, PlainProgress, display_for
from tests.client import answers
from tests.client.cli.terminal.emulators.decoders import show_in_kitty

LABELS = {"a": "circle.png", "b": "star.png"}


def live(images: int) -> tuple[LiveProgress, io.StringIO]:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=80, color_system=None)
    return LiveProgress(images, LABELS, console), file


class Clock:
    """A clock that the test sets."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_each_image_has_a_bar_until_it_is_finished() -> None:
    progress, file = live(2)
    with progress:
        progress.show("a", 0.5, "step 5 of 10")
    assert "circle.png" in file.getvalue()
    assert "step 5 of 10" in file.getvalue()
    with progress:
        progress.finish("a")
        file.seek(0)
        file.truncate()
    assert "1 of 2" in file.getvalue()
    assert "circle.png" not in file.getvalue()


def test_an_image_without_a_label_has_its_name() -> None:
    progress, file = live(1)
    with progress:
        progress.stage("Loading the model")
        progress.show("job_1", 0.25, "step 1 of 4")
    assert "job_1" in file.getvalue()


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
        progress.show("a", 0.5, "step 5 of 10")
        for line in ("first", "second"):
            with progress.paused():
                file.write(f"{line}\n")
        progress.finish("a")
    assert screen(file.getvalue()) == ["first", "second"]


def test_output_after_the_end_does_not_bring_the_bars_back() -> None:
    progress, file = live(2)
    with progress:
        progress.show("a", 0.5, "step 5 of 10")
    with progress.paused():
        file.write("first\n")
    assert screen(file.getvalue()) == ["first"]


def test_what_goes_before_the_images_has_a_line_where_it_takes_long() -> None:
    file, clock = io.StringIO(), Clock()
    progress = PlainProgress(1, LABELS, file, clock)
    progress.stage("Importing the libraries")
    clock.now_s = QUIET_S
    progress.stage("Loading the model")
    progress.stage("Measuring")
    assert file.getvalue() == "Loading the model\n"


def test_an_image_that_takes_long_has_a_line_now_and_then() -> None:
    file, clock = io.StringIO(), Clock()
    with PlainProgress(2, LABELS, file, clock) as progress:
        progress.show("a", 0.1, "step 1 of 10")
        progress.finish("b")
        clock.now_s = QUIET_S
        progress.show("a", 0.5, "step 5 of 10")
        progress.show("a", 0.6, "step 6 of 10")
    assert file.getvalue() == "circle.png: step 5 of 10 (1 of 2 images done)\n"


def test_lines_of_text_want_no_previews() -> None:
    file = io.StringIO()
    progress = PlainProgress(1, LABELS, file, Clock())
    progress.preview("a", answers.png())
    assert not progress.wants_previews
    assert file.getvalue() == ""


def test_after_a_failure_nothing_is_drawn() -> None:
    progress, file, clock = with_previews()
    with progress:
        progress.preview("a", answers.png())
    clock.now_s += INTERVAL_S
    ended = file.getvalue()
    with progress.paused():
        file.write("circle.png\n")
    assert file.getvalue().removeprefix(ended) == "circle.png\n"


def test_output_that_is_no_terminal_has_no_previews(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # With it rich takes standard error for a terminal.
    assert not display_for(1, LABELS, Protocol.KITTY).wants_previews


def kitty_previews(file: io.StringIO, clock: Clock) -> LivePreviews:
    return LivePreviews(Protocol.KITTY, Screen(80, 24), 5, write=file.write, clock=clock)


def with_previews() -> tuple[LiveProgress, io.StringIO, Clock]:
    """Return a display whose previews go where its bars go."""
    file, clock = io.StringIO(), Clock()
    console = Console(file=file, force_terminal=True, width=80, color_system=None)
    return LiveProgress(2, LABELS, console, kitty_previews(file, clock)), file, clock


@pytest.mark.integration
def test_previews_are_above_the_bars_and_change_in_place() -> None:
    progress, file, clock = with_previews()
    file.write("$ darkroom generate\n")
    with progress:
        for number in range(4):
            progress.show("a", number / 4, f"step {number} of 4")
            progress.preview("a", answers.png(8 + number, 8 + number))
            clock.now_s += INTERVAL_S
        shown = show_in_kitty(file.getvalue())
    assert shown.lines[0] == "$ darkroom generate"
    assert [(place["row"], place["rows"]) for place in shown.places] == [(1, 5)]
    assert shown.lines[1:6] == [""] * 5
    assert shown.lines[6].startswith("Generating")
    assert shown.lines[7].startswith("circle.png")


@pytest.mark.integration
def test_previews_are_gone_when_the_images_are_finished() -> None:
    progress, file, clock = with_previews()
    with progress:
        progress.preview("a", answers.png())
        progress.preview("b", answers.png())
        progress.finish("a")
        clock.now_s += INTERVAL_S
        with progress.paused():
            file.write("circle.png\n")
        before = show_in_kitty(file.getvalue())
        progress.finish("b")
    after = show_in_kitty(file.getvalue())
    assert before.lines[0] == "circle.png"
    assert [place["row"] for place in before.places] == [1]
    assert (after.images, after.lines[0], after.lines[1:]) == (0, "circle.png", [""] * 23)
    assert after.cursor == [1, 0]
