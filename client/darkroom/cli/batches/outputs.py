"""The output files: chooses their names, and writes them so that no reader sees a half-written file."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from darkroom.types import OutputFormat

FORMATS: Final[dict[str, OutputFormat]] = {".png": "png", ".webp": "webp", ".jpg": "jpeg", ".jpeg": "jpeg"}
"""File format of each suffix."""
_MAX_NAME_LENGTH: Final = 60
"""Characters of a prompt that go into a file name."""


def plan_outputs(output: str, prompts: Sequence[str]) -> list[Path]:
    """Return one path for each of `prompts`.

    If `output` has the suffix of an image, it is the first file, and the others get numbers: out.png, out-2.png. If
    not, it is a folder, where files are named after their prompts and no existing file is overwritten. Raises
    `ValueError` for any other suffix.
    """
    path = Path(output)
    if is_folder(output):
        return _in_folder(path, prompts)
    return [path, *(path.with_name(f"{path.stem}-{number}{path.suffix}") for number in range(2, len(prompts) + 1))]


def is_folder(output: str) -> bool:
    """Whether files go into a folder of that name. Raises `ValueError` for a file that is no image's."""
    path = Path(output)
    if output.endswith(("/", os.sep)) or path.is_dir():
        return True
    if path.suffix and path.suffix.lower() not in FORMATS:
        raise ValueError(f"'{output}' must end in {', '.join(FORMATS)}, or in / for a folder.")
    return not path.suffix


def slug(prompt: str) -> str:
    """Return the part of a file name that stands for a prompt."""
    return re.sub(r"[\W_]+", "-", prompt.lower()).strip("-")[:_MAX_NAME_LENGTH].rstrip("-") or "image"


def _in_folder(folder: Path, prompts: Sequence[str]) -> list[Path]:
    planned: list[Path] = []
    for prompt in prompts:
        name = slug(prompt)
        names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
        paths = (folder / f"{name}.png" for name in names)
        planned.append(next(path for path in paths if path not in planned and not path.exists()))
    return planned


def make_folder(folder: Path) -> None:
    """Make the folder of a file that is written later. Raises `OSError` where nothing can be written into it."""
    folder.mkdir(parents=True, exist_ok=True)
    with _naming(folder), tempfile.TemporaryFile(dir=folder):
        pass


def write(path: Path, content: bytes) -> None:
    """Write a file atomically: an existing one is replaced in one step. Raises `OSError`, which names it."""
    partial = path.with_name(f".{path.name}.part")
    try:
        with _naming(path):
            partial.write_bytes(content)
            partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Have an `OSError` name what the user knows: not a temporary file, nor nothing, as on a full disk."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
