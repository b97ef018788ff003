"""The results of a part: tables and facts, written to a file after every change, so that a cut leaves them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

Cell: TypeAlias = str | float | int | None
"""None stands for what was not measured."""


class Table(msgspec.Struct):
    """A table with a heading for each column. The first column names the rows."""

    title: str
    columns: list[str]
    rows: list[list[Cell]]


class Results(msgspec.Struct):
    """The facts and tables that a part has produced."""

    facts: dict[str, Any] = msgspec.field(default_factory=dict)
    """The facts by name, with the unit in the name."""
    tables: list[Table] = msgspec.field(default_factory=list)
    error: str = ""
    """The exception that ended the part."""


class Record:
    """Collects a part's results in a file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._results = Results()
        self._write()

    def fact(self, name: str, value: Cell) -> None:
        """Note a fact, whose unit is part of its name."""
        self._results.facts[name] = value
        self._write()

    def table(self, title: str, columns: Sequence[str]) -> Table:
        """Begin a table. Its rows are added with `row`."""
        table = Table(title, list(columns), [])
        self._results.tables.append(table)
        return table

    def row(self, table: Table, *cells: Cell) -> None:
        table.rows.append(list(cells))
        self._write()

    def error(self, error: Exception) -> None:
        self._results.error = f"{type(error).__name__}: {error}"
        self._write()

    def _write(self) -> None:
        partial = self._file.with_suffix(".partial")
        partial.write_bytes(msgspec.json.encode(self._results, enc_hook=str))
        partial.replace(self._file)


def read(file: Path) -> Results:
    """Read the results that a part has written so far; none if it wrote none."""
    return msgspec.json.decode(file.read_bytes(), type=Results) if file.exists() else Results()
