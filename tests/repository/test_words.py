"""One noun for one thing, and American spelling: words that were replaced do not come back."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from tests.harness.paths import ROOT

REPLACED: Final = {
    r"picture": "image",
    r"due_at": "virtual_deadline_at",
    r"colour": "color",
    r"behaviour": "behavior",
    r"(?:summar|recogn|organ|normal|serial|initial|optim)is(?:e|ed|es|ing|ation)\b": "the spelling with z",
    r"neighbour": "neighbor",
    r"labelled|modelled": "labeled, modeled",
    r"install '?darkroom-server": "--editable '.[EXTRA]', in a checkout: no package index has the server",
}
"""Patterns of words, and the word to use."""
MAY_SAY: Final = {
    "picture": (
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "client/darkroom/results/server.py",  # Fields of a released wire format.
        "docs/durability.md",  # The name of a folder of the first release.
        "pipelines/training/scenes/captions.py",  # Words that the bundled model was trained on.
        "service/api/dialects/jobs/capabilities.py",  # Fields of a released wire format.
        "service/api/signed_urls.py",  # Links that are out are signed with the word.
        "service/images/storage.py",
        "service/jobs/store/migrations",
        "service/jobs/store/spec_format.py",
        "service/jobs/upkeep/backup.py",
        "tests",
    ),
    "due_at": ("service/jobs/store/migrations", "tests"),
    "colour": ("tests",),
}
"""Files and folders with a reason to use the old word."""
RECORDS: Final = ("docs/decisions", "docs/log.md")
"""Pages that are not changed after they were written."""
FOLDERS: Final = ("benchmarks", "client", "deploy", "docs", "pipelines", "scripts", "service", "tests", ".github")


def texts() -> list[Path]:
    found = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".md", ".yml")]
    return [*found, *ROOT.glob("*.md"), ROOT / "Makefile", ROOT / "pyproject.toml"]


def is_below(path: Path, names: tuple[str, ...]) -> bool:
    return any(path.is_relative_to(ROOT / name) for name in names)


@pytest.mark.parametrize("pattern", REPLACED)
def test_a_replaced_word_does_not_come_back(pattern: str) -> None:
    found = {
        str(path.relative_to(ROOT))
        for path in texts()
        if ".venvs" not in path.parts
        and path != Path(__file__)
        and not is_below(path, (*RECORDS, *MAY_SAY.get(pattern, ())))
        and re.search(pattern, path.read_text(), re.IGNORECASE)
    }
    assert found == set(), f"use {REPLACED[pattern]}"
