"""Where images go: the names of the files, and writing them so that no half-written one is ever seen."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from darkroom.types import OutputFormat

FORMATS: Final[dict[str, OutputFormat]] = {".png": "png", ".webp": "webp", ".jpg": "jpeg", ".jpeg": "jpeg"}
"""File format by suffix."""
_LONGEST_NAME: Final = 60


def plan_outputs(output: str, prompts: Sequence[str]) -> list[Path]:
    """One path for each of `prompts`.

    `output` with an image's suffix is the first file, and the others are numbered after it: out.png, out-2.png.
    Otherwise it is a folder, and files are named after their prompts, past those that it holds already. Raises
    `ValueError` for a suffix that no image has.
    """
    path = Path(output)
    if output.endswith(("/", os.sep)) or path.is_dir():
        return _in_folder(path, prompts)
    if path.suffix.lower() in FORMATS:
        return [path, *(path.with_name(f"{path.stem}-{number}{path.suffix}") for number in range(2, len(prompts) + 1))]
    if path.suffix:
        raise ValueError(f"'{output}' must end in {', '.join(FORMATS)}, or in / for a folder.")
    return _in_folder(path, prompts)


def _in_folder(folder: Path, prompts: Sequence[str]) -> list[Path]:
    planned: list[Path] = []
    for prompt in prompts:
        name = re.sub(r"[\W_]+", "-", prompt.lower()).strip("-")[:_LONGEST_NAME].rstrip("-") or "image"
        names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
        paths = (folder / f"{name}.png" for name in names)
        planned.append(next(path for path in paths if path not in planned and not path.exists()))
    return planned


def write(path: Path, content: bytes) -> None:
    """Replaces what is there in one step. Raises `OSError`."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
