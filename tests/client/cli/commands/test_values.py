"""The values of options that have parts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import typer

from darkroom.cli.commands.values import parse_first_pass, parse_margins, parse_offsets, parse_size


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (parse_size, "512x768", (512, 768)),
        (parse_offsets, "0, 64", (0, 64)),
        (parse_margins, "left=64, right=32", {"left": 64, "right": 32}),
        (parse_margins, "64", {"left": 64, "top": 64, "right": 64, "bottom": 64}),
        (parse_first_pass, "1.5", {"scale": 1.5}),
        (parse_first_pass, "512X768", {"width": 512, "height": 768}),
    ],
)
def test_a_value_is_read(parse: Callable[[str], object], text: str, value: object) -> None:
    assert parse(text) == value


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (parse_size, "512"),
        (parse_size, "512x-1"),
        (parse_offsets, "0"),
        (parse_offsets, "0,64,1"),
        (parse_margins, ""),
        (parse_margins, "up=64"),
        (parse_margins, "left=64,left=32"),
        (parse_margins, "left=-1"),
        (parse_first_pass, "twice"),
    ],
)
def test_a_value_of_another_form_is_refused(parse: Callable[[str], object], text: str) -> None:
    with pytest.raises(typer.BadParameter, match="write"):
        parse(text)
