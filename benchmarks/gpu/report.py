"""Writes the results of a GPU day as JSON and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.gpu.child import Outcome
from benchmarks.gpu.record import Cell, Table

JSON: Final = "results.json"
MARKDOWN: Final = "report.md"


def write(folder: Path, outcomes: Sequence[Outcome], *, dry_run: bool) -> None:
    """Replace both files."""
    (folder / JSON).write_bytes(msgspec.json.format(msgspec.json.encode(list(outcomes))) + b"\n")
    (folder / MARKDOWN).write_text(markdown(outcomes, dry_run=dry_run))


def markdown(outcomes: Sequence[Outcome], *, dry_run: bool) -> str:
    heading = "# GPU measurements\n\n"
    if dry_run:
        heading += "A dry run with tiny networks: the figures mean nothing.\n\n"
    overview: list[list[Cell]] = [[outcome.title, outcome.status, round(outcome.seconds)] for outcome in outcomes]
    return heading + _table(["part", "ended", "seconds"], overview) + "".join(map(_section, outcomes))


def _section(outcome: Outcome) -> str:
    parts = [f"\n## {outcome.title}\n"]
    if outcome.results.error:
        parts.append(f"\nThis part failed: `{' '.join(outcome.results.error.split())}`\n")
    if outcome.results.facts:
        parts.append("\n" + "".join(f"- {name}: {_cell(value)}\n" for name, value in outcome.results.facts.items()))
    return "".join([*parts, *map(_titled, outcome.results.tables)])


def _titled(table: Table) -> str:
    return f"\n### {table.title}\n\n{_table(table.columns, table.rows)}"


def _table(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    lines = [list(columns), ["---", *("---:" for _ in columns[1:])], *([_cell(cell) for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(value: Cell) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value).replace("|", "\\|")
