"""Stores input images as files in a folder. A file is on disk when `put` returns."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from service.images.disk import store_file

UPLOADS: Final = "uploads"
"""Name of the folder, within the data folder."""
_NAME: Final = re.compile(r"([0-9a-f]{64})\.([0-9a-f]{32})\.png", re.ASCII)


class InputName(NamedTuple):
    """The name of one stored file."""

    sha256: str
    token: str
    """32 hexadecimal digits that no other file has: equal images of two callers are two files."""


class InputFolder:
    """Keeps files at `root`/<two digits>/<SHA-256>.<token>.png. Methods block, and raise OSError if the disk fails."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, name: InputName, data: bytes) -> None:
        """Stores a file atomically. It survives a power failure once this has returned."""
        path = self._path(name)
        store_file(path.parent, path.name, data)

    def read(self, name: InputName) -> bytes:
        """Returns a file. Raises FileNotFoundError."""
        return self._path(name).read_bytes()

    def delete(self, name: InputName) -> None:
        """Deletes the file, if it is there."""
        self._path(name).unlink(missing_ok=True)

    def older_than(self, seconds: float) -> Iterator[InputName]:
        """Yields the names of the files that were stored more than `seconds` ago."""
        before = time.time() - seconds
        for path in self._root.glob("??/*.png"):
            match = _NAME.fullmatch(path.name)
            with contextlib.suppress(FileNotFoundError):
                if match is not None and path.stat().st_mtime < before:
                    yield InputName(match[1], match[2])

    def _path(self, name: InputName) -> Path:
        file = f"{name.sha256}.{name.token}.png"
        assert _NAME.fullmatch(file), "the server makes the names, and looks up every one before it builds a path"
        return self._root / name.sha256[:2] / file
