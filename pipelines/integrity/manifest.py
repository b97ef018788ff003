"""Reads and writes manifests: lists of the SHA-256 digests of files, as `sha256sum` writes and checks them.

A path in a manifest is absolute, or relative to the folder of the manifest. Standard library only.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pipelines
from pipelines.errors import ManifestError

PACKAGED: Final = Path(pipelines.__file__).with_name("models.sha256")
"""The manifest of the model files that ship with Darkroom: the bundled model, and configurations of public models."""

_LINE: Final = re.compile(r"(\\?)([0-9a-fA-F]{64}) [ *](.+)")
_ESCAPED: Final = re.compile(r"\\(.?)")
_ESCAPES: Final = {"\\": "\\", "n": "\n", "r": "\r"}


@dataclass(frozen=True, slots=True)
class Manifest:
    """The files of a manifest."""

    path: Path
    """The manifest's own file, for messages."""
    digests: Mapping[str, str]
    """For each file its SHA-256 as 64 lower-case digits. A path is absolute, and its links are not followed."""

    def find(self, path: Path) -> str | None:
        """Return the digest that is listed for a file by this path, or None.

        A link is not listed where only the file is that it leads to: links decide what a model is made of.
        """
        return self.digests.get(_absolute(path))


def packaged() -> Manifest:
    """Return the manifest of the files that ship with Darkroom."""
    return parse(PACKAGED.read_text("utf-8"), PACKAGED)


def parse(text: str, path: Path) -> Manifest:
    """Read the text of the manifest at `path`. Empty lines, and those that begin with "#", are left out.

    Raises `ManifestError`, which names the line.
    """
    digests: dict[str, str] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, digest = _parse_line(line.removesuffix("\r"), f"{path}, line {number}")
        if digests.setdefault(_absolute(path.parent / name), digest) != digest:
            raise ManifestError(f"{path}, line {number}: {name} is listed before with another digest.")
    return Manifest(path, digests)


def _absolute(path: Path) -> str:
    """Return the absolute path without following links."""
    return os.path.normpath(path.absolute())


def _parse_line(line: str, place: str) -> tuple[str, str]:
    """Return the path and the digest of a line."""
    found = _LINE.fullmatch(line)
    if found is None:
        raise ManifestError(
            f"{place}: must be a SHA-256 of 64 hexadecimal digits, two spaces and a path, as sha256sum writes it."
        )
    escaped, digest, name = found.groups()
    return (_ESCAPED.sub(lambda each: _unescaped(each[1], place), name) if escaped else name), digest.lower()


def _unescaped(letter: str, place: str) -> str:
    if letter not in _ESCAPES:
        raise ManifestError(f"{place}: the path has a backslash before something else than \\, n or r.")
    return _ESCAPES[letter]


def render(digests: Mapping[Path, str], folder: Path) -> str:
    """Return a manifest of these files that is to be kept in `folder`: paths below it are written relative to it."""
    return "".join(sorted(_lines(digests, folder), key=lambda line: line.partition("  ")[2]))


def _lines(digests: Mapping[Path, str], folder: Path) -> Iterable[str]:
    above = _absolute(folder)
    for path, digest in digests.items():
        absolute = _absolute(path)
        name = os.path.relpath(absolute, above) if Path(absolute).is_relative_to(above) else absolute
        escaped = "".join({"\\": r"\\", "\n": r"\n", "\r": r"\r"}.get(letter, letter) for letter in name)
        yield f"{'' if escaped == name else chr(92)}{digest}  {escaped}\n"
