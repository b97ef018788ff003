"""Previews of unfinished images: what is drawn, when, and what is left of it. `test_progress.py` has them with bars."""

from __future__ import annotations

import pytest

from darkroom.cli.terminal.detection import Protocol, Screen
from darkroom.cli.terminal.encoders import png_of
from darkroom.cli.terminal.live_previews import (
    INTERVAL_S,
    MAX_BYTES_PER_S,
    MAX_ROWS,
    MAX_TILES,
    LivePreviews,
    preview_rows,
)
from tests.client import answers
from tests.client.cli.terminal.emulators.decoders import decode_sixels, show_in_kitty
from tests.client.cli.terminal.test_encoders import noise
from tests.client.cli.terminal.test_progress import Clock

ROWS = 5
RED = (220, 40, 40)
"""The color of `answers.png`."""


class Terminal:
    """Receives what is drawn."""

    def __init__(self, protocol: Protocol, screen: Screen) -> None:
        self.clock = Clock()
        self.text = ""
        self.previews = LivePreviews(protocol, screen, ROWS, write=self._write, clock=self.clock)

    def is_due(self, now_s: float) -> bool:
        self.clock.now_s = now_s
        return self.previews.is_due

    def _write(self, text: str) -> None:
        self.text += text


def terminal(protocol: Protocol = Protocol.SIXEL, columns: int = 200) -> Terminal:
    return Terminal(protocol, Screen(columns, 24))


def put(shown: Terminal, *images: str) -> None:
    for image in images:
        shown.previews.put(image, answers.png())


def test_nothing_is_due_before_the_first_preview() -> None:
    shown = terminal()
    assert not shown.is_due(60.0)
    shown.previews.erase()
    assert shown.text == ""


def test_between_two_drawings_some_time_passes() -> None:
    shown = terminal()
    put(shown, "a")
    assert shown.is_due(0.0)
    shown.previews.draw()
    put(shown, "a")
    assert not shown.is_due(0.9 * INTERVAL_S)
    assert shown.is_due(INTERVAL_S)


def test_a_large_drawing_is_followed_by_a_longer_pause() -> None:
    shown = Terminal(Protocol.KITTY, Screen(200, 24, 60, 120))
    image = noise().resize((600, 600))
    for name in "abcd":
        shown.previews.put(name, png_of(image))
    shown.previews.draw()
    assert len(shown.text) > INTERVAL_S * MAX_BYTES_PER_S
    put(shown, "a")
    assert not shown.is_due(INTERVAL_S)
    assert shown.is_due(len(shown.text) / MAX_BYTES_PER_S)


@pytest.mark.integration
def test_images_are_side_by_side_and_as_high_as_their_lines() -> None:
    shown = terminal()
    put(shown, "a", "b")
    shown.previews.draw()
    strip = decode_sixels(shown.text[shown.text.index("\x1bP") : shown.text.rindex("\x1b8")])
    side, gap = ROWS * 20, 10
    assert strip.size == (2 * side + gap, side)
    colors = [strip.getpixel((column, side // 2)) for column in (side // 2, side + gap // 2, side + gap + side // 2)]
    assert [is_red(color) for color in colors] == [True, False, True]


@pytest.mark.parametrize(("columns", "tiles"), [(200, MAX_TILES), (2 * 11, 2), (5, 1)])
def test_as_many_images_are_shown_as_find_room(columns: int, tiles: int) -> None:
    shown = terminal(columns=columns)
    put(shown, *"abcdefgh")
    shown.previews.draw()
    width = tiles * (ROWS * 20 + 10) - 10
    assert f'q"1;1;{width};{ROWS * 20}' in shown.text


def test_an_image_that_is_finished_makes_room_for_another() -> None:
    shown = terminal(columns=11)
    put(shown, "a")
    shown.previews.draw()
    shown.previews.drop("a")
    assert shown.is_due(60.0)
    before = shown.text
    shown.previews.draw()
    assert shown.text.removeprefix(before) == f"\x1b[{ROWS}A\x1b[J"
    shown.previews.drop("a")
    assert not shown.is_due(120.0)


def test_a_preview_that_cannot_be_read_is_left_out() -> None:
    shown = terminal()
    shown.previews.put("a", b"no image")
    shown.previews.draw()
    assert shown.text == ""


def test_iterm2_is_told_the_lines() -> None:
    shown = terminal(Protocol.ITERM2)
    put(shown, "a")
    shown.previews.draw()
    assert f";height={ROWS}:" in shown.text


@pytest.mark.integration
def test_what_is_erased_is_shown_again_by_the_next_drawing() -> None:
    shown = terminal(Protocol.KITTY)
    put(shown, "a")
    shown.previews.draw()
    shown.previews.erase()
    assert show_in_kitty(shown.text).images == 0
    assert shown.is_due(INTERVAL_S)
    shown.previews.draw()
    screen = show_in_kitty(shown.text)
    assert screen.places == [{"row": 0, "column": 0, "rows": ROWS, "columns": ROWS * 2}]
    assert screen.cursor == [ROWS, 0]


@pytest.mark.integration
def test_at_the_end_of_the_screen_there_is_room_made() -> None:
    shown = terminal(Protocol.KITTY)
    shown.text = "\n" * 40
    put(shown, "a")
    shown.previews.draw()
    shown.previews.draw()
    screen = show_in_kitty(shown.text)
    assert [(place["row"], place["rows"]) for place in screen.places] == [(23 - ROWS, ROWS)]
    assert screen.cursor == [23, 0]


@pytest.mark.parametrize(
    ("rows", "bars", "left"), [(50, 3, MAX_ROWS), (24, 17, 6), (24, 20, None), (10, 2, 7)], ids=str
)
def test_previews_and_bars_fit_on_the_screen(rows: int, bars: int, left: int | None) -> None:
    assert preview_rows(Screen(80, rows), bars) == left


def is_red(color: object) -> bool:
    assert isinstance(color, tuple)
    return all(abs(is_ - wanted) <= 3 for is_, wanted in zip(color, RED, strict=True))
