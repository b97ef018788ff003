"""Writes `deploy/.env.example`, the variables of the compose file: `python -m scripts.env_example FILE`.

The file keeps its own words above the mark. Below it stands every setting of the server with its meaning and default,
as a comment, apart from those that the compose file sets itself.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

import yaml

from service.setting_groups.fields import Section
from service.settings import Settings, details, variable

MARK: Final = "# ---- The server's settings, written by `make docs` ----\n"
COMPOSE: Final = Path(__file__).parents[1] / "deploy" / "compose.yaml"
_WIDTH: Final = 118


def set_by_compose(compose: Path = COMPOSE) -> dict[str, str]:
    """The settings that the compose file gives to the server, by variable: .env cannot change them."""
    table: dict[str, Any] = yaml.safe_load(compose.read_text())["x-server"]["environment"]
    return table


def render(text: str) -> str:
    """The file with its lower part up to date. Raises `ValueError` where it has no mark."""
    above, mark, _ = text.partition(MARK)
    if not mark:
        raise ValueError(f"the file needs the line {MARK.strip()}")
    taken = set_by_compose()
    return above + mark + "".join(_section(section, taken) for section in Section)


def _section(section: Section, taken: Collection[str]) -> str:
    names = [name for name in Settings.model_fields if details(name)["section"] == section]
    entries = [_entry(name) for name in names if variable(name) not in taken]
    return f"\n# {section}\n" + "".join(entries) if entries else ""


def _entry(name: str) -> str:
    described = textwrap.wrap(str(Settings.model_fields[name].description), _WIDTH - 2, break_long_words=False)
    shown = details(name)["shown"]
    value = "" if shown == "none" else shown
    return "".join(f"#   {line}\n" for line in described) + f"#{variable(name)}={value}\n"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(render(path.read_text()))
