"""Writes the list of modules in `docs/code-map.md`: `python -m scripts.code_map FILE`.

Each module's line is the first sentence of its docstring, so that a module is described in one place.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
PACKAGES: Final = ("service", "pipelines", "client/darkroom", "benchmarks")
_MARK: Final = "<!-- The rest of this page is written by `make docs` from the modules' docstrings. -->\n"
_FIRST_SENTENCE: Final = re.compile(r"(.+?\.)(?:\s|$)", re.DOTALL)


def render(page: str, root: Path = ROOT) -> str:
    """The page with its list up to date. Raises `ValueError` without the mark, or for a module without a docstring."""
    words, mark, _ = page.partition(_MARK)
    if not mark:
        raise ValueError("the page has lost the mark after which the list of modules begins")
    return words + mark + "".join(_section(root, folder) for package in PACKAGES for folder in _folders(root / package))


def _folders(package: Path) -> Iterator[Path]:
    """The package's folders of code, each before those below it."""
    for folder in sorted([package, *(path for path in package.rglob("*") if path.is_dir())]):
        if "versions" not in folder.parts and any(folder.glob("*.py")):
            yield folder


def _section(root: Path, folder: Path) -> str:
    heading = f"\n### `{folder.relative_to(root)}/`\n\n{_about(folder / '__init__.py')}"
    modules = sorted(path for path in folder.glob("*.py") if path.name != "__init__.py")
    lines = [f"- `{path.stem}`: {first_sentence(path)}\n" for path in modules]
    return f"{heading}{''.join(lines)}"


def _about(init: Path) -> str:
    return f"{first_sentence(init)}\n\n" if init.exists() and ast.get_docstring(ast.parse(init.read_text())) else ""


def first_sentence(module: Path) -> str:
    """The first sentence of the module's docstring, on one line. Raises `ValueError`."""
    docstring = ast.get_docstring(ast.parse(module.read_text())) or ""
    sentence = _FIRST_SENTENCE.match(docstring.split("\n\n")[0] + " ")
    if sentence is None:
        raise ValueError(f"{module} needs a docstring that begins with a sentence")
    return " ".join(sentence[1].split())


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(render(path.read_text()))
