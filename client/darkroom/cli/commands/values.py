"""Reads the values of options that have parts. Every function raises `typer.BadParameter` for one of another form."""

from __future__ import annotations

import re
from typing import Final

import typer

_SIDES: Final = ("left", "top", "right", "bottom")
_SIZE: Final = re.compile(r"([0-9]{1,9})x([0-9]{1,9})", re.IGNORECASE)
_OFFSETS: Final = re.compile(r"([0-9]{1,9})\s*,\s*([0-9]{1,9})")
_MARGIN: Final = re.compile(rf"({'|'.join(_SIDES)})\s*=\s*([0-9]{{1,9}})")


def parse_size(text: str) -> tuple[int, int]:
    """Return width and height of `512x768`."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise typer.BadParameter("write WIDTHxHEIGHT in pixels, such as 512x768")
    return int(found[1]), int(found[2])


def parse_offsets(text: str) -> tuple[int, int]:
    """Return left and top of `0,64`."""
    found = _OFFSETS.fullmatch(text.strip())
    if found is None:
        raise typer.BadParameter("write LEFT,TOP in pixels, such as 0,64")
    return int(found[1]), int(found[2])


def parse_margins(text: str) -> dict[str, int]:
    """Return the pixels of each side that `left=64,right=64` names; those of all four where it is one number."""
    if text.strip().isdecimal():
        return dict.fromkeys(_SIDES, int(text))
    found = [_MARGIN.fullmatch(part.strip()) for part in text.split(",")]
    margins = {each[1]: int(each[2]) for each in found if each is not None}
    if len(margins) < len(found):
        raise typer.BadParameter(f"write SIDE=PIXELS, with commas between; the sides are {', '.join(_SIDES)}")
    return margins


def parse_first_pass(text: str) -> dict[str, float]:
    """Return the fields of `HiresParams` for a factor, `1.5`, or the size of the first pass, `512x512`."""
    found = _SIZE.fullmatch(text.strip())
    if found is not None:
        return {"width": int(found[1]), "height": int(found[2])}
    try:
        return {"scale": float(text)}
    except ValueError:
        raise typer.BadParameter("write a factor, such as 2, or WIDTHxHEIGHT of the first pass") from None
