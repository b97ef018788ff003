"""Writes `deploy/darkroom.toml.example`, the file of settings: `python -m scripts.toml_example FILE`.

The file keeps its own words above the mark. Below it stands every setting that may be in the file, with its meaning and
default, as a comment. Tables come last, because whatever follows one belongs to it.
"""

from __future__ import annotations

import json
import sys
import textwrap
import typing
from pathlib import Path
from typing import Final

from service.setting_groups.fields import FileForm, Section
from service.settings import FILE_KEYS, Settings, details

MARK: Final = "# ---- The server's settings, written by `make docs` ----\n"
_WIDTH: Final = 118
_NUMBERS: Final = (int, float, bool)
_TABLES: Final = FileForm.NAMED | FileForm.WEIGHED
_ENTRIES: Final = (FileForm.VALUE, FileForm.LIST, FileForm.LIST | FileForm.NAMED)
"""Forms of settings that stand in their section. The others, which are tables at best, stand at the end alone."""


def render(text: str) -> str:
    """The file with its lower part up to date. Raises `ValueError` where it has no mark."""
    above, mark, _ = text.partition(MARK)
    if not mark:
        raise ValueError(f"the file needs the line {MARK.strip()}")
    tables = [name for name in FILE_KEYS if details(name)["in_file"] & _TABLES]
    return "".join([above, mark, *map(_section, Section), "\n# Tables\n", *map(_table, tables)])


def _section(section: Section) -> str:
    names = [name for name in FILE_KEYS if details(name)["section"] == section]
    entries = [_entry(name) for name in names if details(name)["in_file"] in _ENTRIES]
    return f"\n# {section}\n" + "".join(entries) if entries else ""


def _entry(name: str) -> str:
    return f"{_meaning(name)}#{name} = {_value(name)}\n"


def _table(name: str) -> str:
    value = "WEIGHT" if details(name)["in_file"] == FileForm.WEIGHED else '"VALUE"'
    return f"{_meaning(name)}#[{name}]\n#NAME = {value}\n"


def _meaning(name: str) -> str:
    described = textwrap.wrap(str(Settings.model_fields[name].description), _WIDTH - 2, break_long_words=False)
    return "".join(f"#   {line}\n" for line in described)


def _value(name: str) -> str:
    """The default as TOML has it, or a word in capitals for a value where there is none."""
    default, about = Settings.model_fields[name].default, details(name)
    if isinstance(default, _NUMBERS):
        return str(about["shown"])
    text = str(about["metavar"] if about["shown"] == "none" else about["shown"])
    if FileForm.LIST in about["in_file"]:
        return json.dumps([text])
    return json.dumps(text) if _is_text(name) else text


def _is_text(name: str) -> bool:
    annotation = Settings.model_fields[name].annotation
    return bool({str, Path} & {annotation, *typing.get_args(annotation)}) or isinstance(
        Settings.model_fields[name].default, str
    )


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(render(path.read_text()))
