"""The parameters inside image files: those that the server writes, and those of other programs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from darkroom.cli.drawing.metadata import Parameters, parse_parameters, read_info, read_user_comment
from service.images import metadata

TEXT = 'a red circle,\non white\nNegative prompt: blue\nSteps: 4, Sampler: Euler, Model: "a, b", Size: 8x8'


@pytest.mark.parametrize(
    ("suffix", "options"),
    [("png", metadata.png_options), ("webp", metadata.webp_options), ("jpg", metadata.jpeg_options)],
)
def test_what_the_server_writes_is_read(tmp_path: Path, suffix: str, options: Callable[[str], dict[str, Any]]) -> None:
    path = tmp_path / f"x.{suffix}"
    Image.new("RGB", (16, 8)).save(path, **options(TEXT))
    info = read_info(path)
    assert (info.width, info.height, info.is_marked_as_ai, info.text) == (16, 8, True, TEXT)
    assert info.parameters is not None
    assert info.parameters.settings["Model"] == "a, b"


def test_an_image_of_another_program_may_say_nothing(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "x.png")
    info = read_info(tmp_path / "x.png")
    assert (info.is_marked_as_ai, info.text, info.parameters) == (False, None, None)


def test_prompt_negative_prompt_and_settings_are_told_apart() -> None:
    settings = {"Steps": "4", "Sampler": "Euler", "Model": "a, b", "Size": "8x8"}
    assert parse_parameters(TEXT) == Parameters("a red circle,\non white", "blue", settings)


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("a red circle", Parameters("a red circle")),
        ("", Parameters("")),
        ("Steps: 4", Parameters("", None, {"Steps": "4"})),
        ('x\nSteps: 4, Note: "open', Parameters("x", None, {"Steps": "4", "Note": '"open'})),
        ("Negative prompt: blue\nSteps: 4", Parameters("", "blue", {"Steps": "4"})),
    ],
)
def test_parts_may_be_missing(text: str, parameters: Parameters) -> None:
    assert parse_parameters(text) == parameters


@pytest.mark.parametrize(
    ("comment", "text"),
    [
        (b"UNICODE\0" + "é".encode("utf-16-be"), "é"),
        (b"UNICODE\0" + "Steps".encode("utf-16-le"), "Steps"),
        (b"ASCII\0\0\0plain", "plain"),
        (b"JIS\0\0\0\0\0xx", None),
    ],
)
def test_the_comment_names_its_encoding(comment: bytes, text: str | None) -> None:
    assert read_user_comment(comment) == text
