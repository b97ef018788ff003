"""Reads the axes of a grid: the parameter that changes along each, and its values."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import typer

from darkroom._core.parameters import PARAMETERS
from darkroom.cli.batches.planning import MAX_SEED, Wanted
from darkroom.cli.commands.options import DECIDE_NOTHING, EDIT_OPTIONS, value_type

PROMPT: Final = "prompt"
_KINDS: Final[Mapping[str, tuple[str, Any]]] = {
    PROMPT: (PROMPT, str),
    **{
        each.option.removeprefix("--"): (each.name, value_type(each))
        for each in (*PARAMETERS.values(), *EDIT_OPTIONS.values())
        if each.declaration.is_option and each.name not in DECIDE_NOTHING
    },
}
"""The argument and the type of each name that an axis can have."""
_TRUTHS: Final = {"true": True, "yes": True, "false": False, "no": False}


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis. `argument` is the SDK's, `name` the user's."""

    name: str
    argument: str
    values: Sequence[Any]

    @property
    def labels(self) -> list[str]:
        if not self.name:
            return [""]
        return [str(value) if self.argument == PROMPT else f"{self.name} {value}" for value in self.values]


NO_AXIS: Final = Axis("", "", [None])
"""Stands for an axis that was not given: one value, which changes nothing."""


def parse_axis(text: str | None, option: str) -> Axis:
    """Return the axis of `NAME=VALUE,VALUE`. A value with a comma is quoted. Raises `typer.BadParameter`."""
    if text is None:
        return NO_AXIS
    name, equals, values = text.partition("=")
    name = name.strip().removeprefix("--")
    if not equals or name not in _KINDS:
        raise typer.BadParameter(f"write NAME=VALUE,VALUE; the names are {', '.join(_KINDS)}", param_hint=[option])
    argument, kind = _KINDS[name]
    cells = [cell.strip() for cell in next(csv.reader([values], skipinitialspace=True), [])]
    if not cells or not all(cells):
        raise typer.BadParameter(f"name at least one value for {name}, and none that is empty", param_hint=[option])
    try:
        return Axis(name, argument, [_converted(cell, kind) for cell in cells])
    except ValueError as error:
        raise typer.BadParameter(f"{error} is not a value for {name}", param_hint=[option]) from error


def _converted(text: str, kind: Any) -> Any:
    """Return a value in its type. Raises `ValueError`, which names the value."""
    try:
        if kind is bool:
            return _TRUTHS[text.lower()]
        return kind(text) if kind in (int, float) else text
    except (KeyError, ValueError):
        raise ValueError(f"'{text}'") from None


def check_axes(axes: Sequence[Axis]) -> None:
    """Raise `typer.BadParameter` where two axes change the same parameter."""
    arguments = [axis.argument for axis in axes if axis is not NO_AXIS]
    twice = next((axis for axis in axes if arguments.count(axis.argument) > 1), None)
    if twice is not None:
        raise typer.BadParameter(f"{twice.name} is on two axes", param_hint=["--x, --y, --z"])


def with_seed(params: Mapping[str, Any], axes: Sequence[Axis]) -> Mapping[str, Any]:
    """Return the parameters with one seed for all images, where none is given: only what is on the axes may differ."""
    if params.get("seed") is not None or any(axis.argument == "seed" for axis in axes):
        return params
    return {**params, "seed": random.randrange(2**32)}  # noqa: S311 - not a secret


def cells(prompt: str, params: Mapping[str, Any], axes: Sequence[Axis]) -> list[Wanted]:
    """Return the images of the axes x, y and z: panel by panel, row by row. Raises `typer.BadParameter`."""
    x, y, z = (list(zip(axis.values, axis.labels, strict=True)) for axis in axes)
    arguments = [axis.argument for axis in axes]
    return [
        _cell(prompt, params, dict(zip(arguments, values, strict=True)), ", ".join(filter(None, labels)))
        for values, labels in (zip(*cell, strict=True) for cell in _xyz_product(x, y, z))
    ]


def _xyz_product(
    x: Sequence[tuple[Any, str]], y: Sequence[tuple[Any, str]], z: Sequence[tuple[Any, str]]
) -> Iterator[tuple[tuple[Any, str], ...]]:
    return ((in_x, in_y, in_z) for in_z in z for in_y in y for in_x in x)


def _cell(prompt: str, params: Mapping[str, Any], changes: Mapping[str, Any], label: str) -> Wanted:
    changed = {name: value for name, value in changes.items() if name}
    if not 0 <= changed.get("seed", 0) <= MAX_SEED:
        raise typer.BadParameter(f"seeds go from 0 to {MAX_SEED}", param_hint=["--x, --y, --z"])
    return Wanted(changed.pop(PROMPT, prompt), {**params, **changed}, label)
