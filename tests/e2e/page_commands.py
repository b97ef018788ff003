"""Runs the commands of docs/deploy.md for backups, on the processes that stand in for the containers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.e2e.stack import darkroom_command
from tests.harness.paths import ROOT
from tests.harness.programs.running import call

_PAGE: Final = ROOT / "docs" / "deploy.md"
_COMPOSE: Final = r"docker compose -f deploy/compose\.yaml "
_CONTAINERS: Final = (
    (rf"{_COMPOSE}(?:down|up --detach)", ":"),  # The test ends and starts the server itself.
    (rf"{_COMPOSE}exec (?:-T )?(?:--user \d+ )?(?:db|cpu) ", ""),
    (rf"{_COMPOSE}cp cpu:", "cp -R "),
    (r"docker run --rm (?:--interactive )?--user 0 --entrypoint sh (?:-v \S+ )+darkroom:cpu", "sh"),
    (r"backup-\d{4}-\d\d-\d\d", "backup-$(date +%F)"),
    (r"\b10001:10001\b", "$(id -u):$(id -g)"),
)
"""Patterns of the parts of a command that concern a container, and the text that does the same without one."""


def blocks(mark: str) -> list[str]:
    """The blocks of commands between two marks in bold type, or from one to the next heading."""
    (part,) = re.findall(rf"^\*\*{mark}\.\*\*(.+?)^(?:\*\*|#)", _PAGE.read_text(), re.MULTILINE | re.DOTALL)
    found = re.findall(r"^```\n(.+?)^```", str(part), re.MULTILINE | re.DOTALL)
    assert found, f"docs/deploy.md has no commands for {mark}"
    return list(map(str, found))


def translated(block: str, data: Path) -> str:
    """The block as it runs here, with the server's data in that folder."""
    block = re.sub(r"\\\n\s*", "", block)
    for pattern, text in _CONTAINERS:
        block = re.sub(pattern, text, block)
    block = re.sub(r"(?<![\w.])/backup\b", '"$PWD"/backup-$(date +%F)', block)
    block = re.sub(r"(?<![\w.])/data\b", str(data), block)
    assert "docker" not in block, block
    return block


def run(block: str, data: Path, folder: Path, environment: Mapping[str, str]) -> None:
    """Runs the block in `folder`. It must succeed."""
    python, option, code = darkroom_command()
    darkroom = f"darkroom() {{ '{python}' {option} '{code}' \"$@\"; }}\n"
    call("sh", "-euc", darkroom + translated(block, data), cwd=folder, env=dict(environment))
