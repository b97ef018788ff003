"""Does what a how-to page says, in a copy of the source, so that a page cannot say what does not work.

A page gives its changes in three forms, each a sentence followed by fenced blocks of Python or Markdown:

    Make `path` with ...                      one block: the file's content
    In `path`, after ... add ...              two blocks: lines of the file, and the lines to add below them
    In `path`, replace ... with ...           two blocks: lines of the file, and the lines in their place

ruff formats every block that it can parse: one that is part of a call or a list ends with the closing bracket.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.harness.paths import ROOT

_COPIED: Final = ("client", "docs", "pipelines", "scripts", "service", "tests", "pyproject.toml")
_REST: Final = r"(?:[^\n]|\n(?!\n))*?:\n\n"
"""The rest of the sentence and of its paragraph."""
_BLOCK: Final = r"```(?:python|markdown)\n(.*?)```"
_MAKE: Final = rf"Make `([^`]+)`{_REST}{_BLOCK}"
_CHANGE: Final = rf"In `([^`]+)`, (after|replace)\b{_REST}{_BLOCK}\n\n(?:add|with)\b{_REST}{_BLOCK}"
_STEPS: Final = re.compile(rf"{_MAKE}|{_CHANGE}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Workshop:
    """A copy of the source in which a page has been followed."""

    folder: Path
    changed: tuple[str, ...]
    """Paths of the files that the page makes or changes."""

    def run(self, *arguments: str, **environment: str) -> str:
        """Runs Python with these arguments in the copy. Returns what it printed; raises where it failed."""
        paths = os.pathsep.join([str(self.folder), str(self.folder / "client")])
        # Coverage would count the copy's lines beside those of the source.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env={**inherited, "PYTHONPATH": paths, "DARKROOM_DATA_DIR": str(self.folder / "data"), **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def follow(page: str, folder: Path) -> Workshop:
    """Copies the source into `folder` and does what `docs/how-to/<page>` says."""
    for name in _COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            shutil.copy(source, folder / name)
    changed = []
    for made, content, path, verb, found, written in _STEPS.findall((ROOT / "docs" / "how-to" / page).read_text()):
        target = folder / (made or path)
        changed.append(made or path)
        if made:
            assert not target.exists(), f"{made} is there already"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content)
        else:
            text = target.read_text()
            assert text.count(found) == 1, f"{path} must have these lines once:\n{found}"
            target.write_text(text.replace(found, found + written if verb == "after" else written))
    assert changed, "the page changes something"
    return Workshop(folder, tuple(dict.fromkeys(changed)))
