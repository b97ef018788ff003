"""Prints JSON and tables on standard output."""

from __future__ import annotations

import json
from collections.abc import Sequence

import typer


def print_json(value: object) -> None:
    """Print one JSON document, indented."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows whose columns are as wide as their widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
