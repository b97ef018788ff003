"""Writes the tables of `docs/settings.md` from the settings' declarations: `python -m scripts.settings_page FILE`.

The page keeps its own words: each section of settings has a heading of its name, and the table below that heading is
replaced.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Final

from service.setting_groups.fields import FileForm, Section
from service.settings import FILE_KEYS, Settings, details, flag, variable

_TABLE: Final = re.compile(r"(?:^\|.*\n)+", re.MULTILINE)


def render(page: str) -> str:
    """The page with every table up to date. Raises `ValueError` where a section has no table."""
    for section in Section:
        before, heading, after = page.partition(f"## {section}\n")
        table = _TABLE.search(after)
        if table is None or "##" in after[: table.start()]:
            raise ValueError(f"the page needs a table below the heading {section}")
        page = before + heading + after[: table.start()] + _table(section) + after[table.end() :]
    return page


def _table(section: Section) -> str:
    rows = [
        f"| `{variable(name)}` | `{flag(name)}` | {_key(name)} | {_default(name)} | {field.description} |\n"
        for name, field in Settings.model_fields.items()
        if details(name)["section"] == section
    ]
    return "".join(["| Variable | Flag | In the file | Default | Meaning |\n", "|---|---|---|---|---|\n", *rows])


def _key(name: str) -> str:
    """Returns the setting as `darkroom.toml` has it, with each form that its value may have there."""
    form: FileForm = details(name)["in_file"]
    forms = [
        f"`{name}`" if name in FILE_KEYS else "",
        "a list" if FileForm.LIST in form else "",
        f"a table `[{name}]`" if form & (FileForm.NAMED | FileForm.WEIGHED) else "",
    ]
    return ", ".join(filter(None, forms))


def _default(name: str) -> str:
    shown: str = details(name)["shown"]
    return shown if shown == "none" else f"`{shown}`"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(render(path.read_text()))
