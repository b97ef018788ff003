"""The lines about finished images."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from darkroom.cli.batches.planning import MadeImage, PlannedImage
from darkroom.cli.terminal.detection import Protocol
from darkroom.cli.terminal.progress import PlainProgress
from darkroom.cli.terminal.results import Results

DISPLAY = PlainProgress(3, {}, io.StringIO(), lambda: 0.0)


def planned(*names: str) -> list[PlannedImage]:
    return [PlannedImage("a red circle", {}, Path(name), name) for name in names]


def finish(image: PlannedImage) -> PlannedImage:
    image.made = MadeImage(seed=7, size="8x8")
    return image


def test_images_are_told_in_the_order_in_which_they_were_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    images = planned("1.png", "2.png", "3.png")
    results = Results(images, DISPLAY, None, is_quiet=False)
    results.when_made(finish(images[1]))
    assert capsys.readouterr().out == ""
    results.when_made(finish(images[0]))
    assert capsys.readouterr().out == "1.png  (seed 7)\n2.png  (seed 7)\n"


def test_what_was_finished_before_the_end_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    images = planned("1.png", "2.png", "3.png")
    results = Results(images, DISPLAY, None, is_quiet=False)
    results.when_made(finish(images[1]))
    results.print_rest()
    results.print_rest()
    assert capsys.readouterr().out == "2.png  (seed 7)\n"


def test_skipped_images_are_not_told_and_hold_nothing_up(capsys: pytest.CaptureFixture[str]) -> None:
    images = planned("1.png", "2.png")
    images[0].is_skipped = True
    Results(images, DISPLAY, None, is_quiet=False).when_made(finish(images[1]))
    assert capsys.readouterr().out == "2.png  (seed 7)\n"


def test_an_image_is_shown_below_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (image,) = planned(str(tmp_path / "1.png"))
    Image.new("RGB", (8, 8)).save(image.path)
    Results([image], DISPLAY, Protocol.KITTY, is_quiet=False).when_made(finish(image))
    line, shown = capsys.readouterr().out.splitlines()
    assert line.endswith("(seed 7)")
    assert shown.startswith("\x1b_G")


def test_nothing_is_told_where_json_is(capsys: pytest.CaptureFixture[str]) -> None:
    (image,) = planned("1.png")
    Results([image], DISPLAY, None, is_quiet=True).when_made(finish(image))
    assert capsys.readouterr().out == ""
