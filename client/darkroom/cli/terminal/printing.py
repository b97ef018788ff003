"""Prints JSON, tables and text on standard output. What others wrote, such as a prompt, commands no terminal."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Final

import typer

_COMMANDS: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Control characters other than tab and line feed, and those that turn the direction of the text around them."""


def print_json(value: object) -> None:
    """Print one JSON document, indented."""
    typer.echo(json_text(value, indent=2))


def json_text(value: object, *, indent: int | None = None) -> str:
    """Return JSON whose letters are readable and whose control characters are escaped."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    return _COMMANDS.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def print_text(text: str) -> None:
    typer.echo(_COMMANDS.sub("\ufffd", text))


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows whose columns are as wide as their widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print_text("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
