"""`darkroom info`."""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image

from service.images.metadata import png_options
from tests.harness.command import Command

TEXT = "a red circle\nNegative prompt: blue\nSteps: 4, Seed: 7"


def test_the_parameters_of_an_image_are_shown(command: Command) -> None:
    Image.new("RGB", (16, 8)).save("x.png", **png_options(TEXT))
    head, *lines = command("info", "x.png").out.splitlines()
    assert head == "x.png  PNG 16x8, marked as made by AI"
    assert [line.split(maxsplit=1)[-1] for line in lines] == ["a red circle", "prompt  blue", "4", "7"]


def test_an_image_without_parameters_says_so(command: Command) -> None:
    Image.new("RGB", (8, 8)).save("x.webp")
    assert command("info", "x.webp").out == "x.webp  WEBP 8x8\nNo parameters inside.\n"


def test_json_has_a_fixed_set_of_fields(command: Command) -> None:
    Image.new("RGB", (16, 8)).save("x.png", **png_options(TEXT))
    Image.new("RGB", (8, 8)).save("y.png")
    first, second = json.loads(command("info", "--json", "x.png", "y.png").out)["files"]
    assert first == {
        "path": "x.png",
        "format": "PNG",
        "width": 16,
        "height": 8,
        "marked_as_ai": True,
        "prompt": "a red circle",
        "negative": "blue",
        "settings": {"Steps": "4", "Seed": "7"},
    }
    assert (second["prompt"], second["settings"]) == (None, {})


def test_files_that_cannot_be_read_are_reported_in_one_line(command: Command) -> None:
    Path("x.png").write_bytes(b"no image")
    for name, reason in (("x.png", "is not an image"), ("nowhere.png", "No such file")):
        outcome = command("info", name)
        assert (outcome.status, outcome.out, outcome.err.count("\n")) == (1, "", 1)
        assert reason in outcome.err
