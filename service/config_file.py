"""Reads `darkroom.toml`: its settings, their lines, and everything that is wrong with it.

A setting has its name as key and a value of its type. Lists may be arrays, and settings that map names may be tables.
`service.environment` adds variables and the command line.
"""

from __future__ import annotations

import difflib
import json
import os
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import exc, make_url

from service.operator_file import read_operator_file
from service.setting_groups.fields import FileForm
from service.settings import FILE_KEYS, Settings, details

DEFAULT_NAME: Final = "darkroom.toml"

_Path: TypeAlias = tuple[str, ...]
"""The keys that lead to a value: that of its table, if it is in one, and its own."""


@dataclass(frozen=True, slots=True)
class FileSettings:
    """The contents of a file of settings."""

    path: Path
    values: Mapping[str, Any] = field(default_factory=dict)
    """Settings by name, spelled as in variables."""
    lines: Mapping[str, int] = field(default_factory=dict)
    """The line on which each setting begins."""
    faults: tuple[str, ...] = ()
    """A sentence for each fault, with its line and without the value."""


def default_file() -> Path | None:
    """Returns the path of the file that is read if none was named, or None where it does not exist."""
    path = Path(DEFAULT_NAME)
    return path if os.path.lexists(path) else None


def read_config(path: Path, owners: Collection[int] | None = None) -> FileSettings:
    """Reads the file. It must belong to one of the users `owners`; None accepts every owner."""
    try:
        if owners is not None and path.stat().st_uid not in owners:
            raise ValueError(f"{path} belongs to another user: to use it all the same, name it with --config.")
        text = read_operator_file(path, "change the settings")
        content = tomllib.loads(text)
    except OSError as error:
        return FileSettings(path, faults=(f"{path} cannot be read ({error.strerror}).",))
    except tomllib.TOMLDecodeError as error:
        return FileSettings(path, faults=(f"{path}: {error}",))
    except ValueError as error:
        return FileSettings(path, faults=(str(error),))
    return _settings(path, content, _lines(text))


def _settings(path: Path, content: Mapping[str, Any], lines: Mapping[_Path, int]) -> FileSettings:
    values: dict[str, Any] = {}
    faults: list[str] = []
    for name, written in content.items():
        try:
            values[name] = _value(name, written)
        except _FaultError as fault:
            where = (name, *fault.inside)
            faults.append(f"{path}, line {lines.get(where) or lines[name,]}: {'.'.join(where)}{fault}")
    return FileSettings(path, values, {name: lines[name,] for name in values}, tuple(faults))


class _FaultError(Exception):
    """The rest of the sentence that begins with the name of the setting."""

    def __init__(self, rest: str, *inside: str) -> None:
        """`inside` is the name within the setting's table."""
        super().__init__(rest)
        self.inside = inside


def _value(name: str, written: object) -> object:
    """Returns the value as a variable spells it. Raises `_FaultError`."""
    if name not in FILE_KEYS:
        raise _FaultError(f" is not a setting of Darkroom{_hint(name)}")
    form: FileForm = details(name)["in_file"]
    if isinstance(written, list) and FileForm.LIST in form:
        written = ",".join(_listed(written))
    elif isinstance(written, dict) and form & (FileForm.NAMED | FileForm.WEIGHED):
        written = ",".join(_named(written, float | int if FileForm.WEIGHED in form else str))
    if not isinstance(written, str | int | float):
        raise _FaultError(f": must be {_allowed(form)}")
    _check(name, written)
    kept_in = details(name)["kept_in"]
    if kept_in is not None and _holds_secret(written):
        raise _FaultError(f": no secret may stand in this file; put it into one of its own, which {kept_in} names")
    return written


def _listed(written: list[object]) -> Iterator[str]:
    for each in written:
        if not isinstance(each, str) or "," in each:
            raise _FaultError(": must be an array of strings, without commas in them")
        yield each


def _named(written: dict[str, object], kind: Any) -> Iterator[str]:
    for name, value in written.items():
        if name in FILE_KEYS:
            raise _FaultError(": this is a setting, which must stand above the first table of the file", name)
        if isinstance(value, bool) or not isinstance(value, kind):
            raise _FaultError(f": must be a {'string' if kind is str else 'number'}", name)
        if any(mark in part for mark in ",=" for part in (name, str(value))):
            raise _FaultError(": there may be no comma and no equals sign in it", name)
        yield f"{name}={value}"


def _allowed(form: FileForm) -> str:
    kinds = {FileForm.LIST: "an array of strings", FileForm.NAMED: "a table", FileForm.WEIGHED: "a table"}
    return " or ".join(["a single value", *(text for each, text in kinds.items() if each in form)])


def _check(name: str, value: float | str) -> None:
    """Raises `_FaultError` where the value has another type than the setting, or is out of range."""
    declared = Settings.model_fields[name]
    # Annotated needs at least one argument: None, which has no effect.
    kind: Any = Annotated[declared.annotation, None, *declared.metadata]
    try:
        # Strict JSON has the types of TOML: a string is not a number, but may be a path.
        TypeAdapter(kind).validate_json(json.dumps(value), strict=True)
    except ValidationError as error:
        raise _FaultError(f": {sentence(error.errors(include_input=False, include_url=False)[0])}") from None


def _holds_secret(value: object) -> bool:
    """Whether the value of a setting for secrets holds one. A URL holds one only with a password."""
    try:
        url = make_url(str(value))
    except (exc.ArgumentError, ValueError):
        return True
    return url.password is not None or any("password" in name for name in url.query)


def sentence(fault: Mapping[str, Any]) -> str:
    """Returns the sentence in one of pydantic's errors about a value."""
    return str(fault["msg"]).removeprefix("Value error, ")


def _hint(name: str) -> str:
    """Returns a question for the setting that was meant, if one has a similar name."""
    plain = name.lower().replace("-", "_").removeprefix("darkroom_")
    near = difflib.get_close_matches(plain, FILE_KEYS, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _lines(text: str) -> dict[_Path, int]:
    """Returns the line on which each key of the document and of its tables begins.

    The parser does not tell. But where the document up to a line can be parsed, a statement ends there, and the new
    keys belong to it.
    """
    found: dict[_Path, int] = {}
    read, begins = "", 1
    for number, line in enumerate(text.split("\n"), start=1):
        read += f"{line}\n"
        if begins == number and not line.strip().partition("#")[0]:
            begins = number + 1
            continue
        try:
            content = tomllib.loads(read)
        except tomllib.TOMLDecodeError:
            continue
        for path in _paths(content):
            found.setdefault(path, begins)
        begins = number + 1
    return found


def _paths(content: Mapping[str, Any]) -> Iterator[_Path]:
    for name, value in content.items():
        yield (name,)
        if isinstance(value, dict):
            yield from ((name, inner) for inner in value)
