"""Decides whether a file of a model may be opened: any one, or those alone that a manifest lists with their digests."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, Protocol

from pipelines.errors import ModelLoadError, UnreviewedFileError
from pipelines.integrity.digests import Digests
from pipelines.integrity.manifest import Manifest
from pipelines.progress import Report, unreported


class FileAccess(Protocol):
    """Everything that opens a file of a model asks here before, or reads the file through this."""

    def read(self, path: Path) -> bytes:
        """Return the content of a small file. Raises OSError, and `UnreviewedFileError` for another content."""

    def expect(self, path: Path) -> None:
        """Check that a large file is one that may be opened, without reading it. Raises `UnreviewedFileError`."""

    def verify(self, path: Path, report: Report) -> None:
        """Check the content of a large file. `report` is called now and then. Raises `ModelLoadError`."""


class AnyFiles:
    """Lets every file be opened."""

    def read(self, path: Path) -> bytes:
        return path.read_bytes()

    def expect(self, path: Path) -> None:
        """Does nothing."""

    def verify(self, path: Path, report: Report) -> None:
        """Does nothing."""


ANY_FILES: Final = AnyFiles()


class ReviewedFiles:
    """Lets those files be opened that are listed, and have the digest that is listed."""

    def __init__(self, manifests: Sequence[Manifest]) -> None:
        """The first manifest that lists a file decides. Messages about unlisted files name the first manifest."""
        self._manifests = manifests
        self._digests = Digests()

    def read(self, path: Path) -> bytes:
        self.expect(path)  # Before it is read, however large it is.
        content = path.read_bytes()
        self._compare(path, hashlib.sha256(content).hexdigest())
        return content

    def expect(self, path: Path) -> None:
        self._listed(path)

    def verify(self, path: Path, report: Report) -> None:
        self.expect(path)
        try:
            digest = self._digests.of(path, report)
        except OSError as error:
            raise ModelLoadError(f"{path} cannot be read: {error}.") from error
        self._compare(path, digest)

    def _compare(self, path: Path, digest: str) -> None:
        manifest, listed = self._listed(path)
        if digest != listed:
            raise UnreviewedFileError(f"{path} is not the file that {manifest.path} lists: its SHA-256 is {digest}.")

    def _listed(self, path: Path) -> tuple[Manifest, str]:
        for manifest in self._manifests:
            if (listed := manifest.find(path)) is not None:
                return manifest, listed
        raise UnreviewedFileError(f"{path} is not listed in {self._manifests[0].path}.")


class RecordedFiles:
    """Lets every file be opened, and keeps which files were asked for."""

    def __init__(self) -> None:
        self._paths: dict[Path, None] = {}

    @property
    def paths(self) -> Iterable[Path]:
        """The files, in the order in which they were asked for first."""
        return self._paths

    def read(self, path: Path) -> bytes:
        content = path.read_bytes()
        self._paths[path] = None
        return content

    def expect(self, path: Path) -> None:
        self._paths[path] = None

    def verify(self, path: Path, report: Report) -> None:
        self._paths[path] = None


def faults_of(paths: Iterable[Path], files: FileAccess) -> list[str]:
    """Return a sentence for each of the files that may not be opened."""
    return [fault for path in paths if (fault := _fault(path, files)) is not None]


def _fault(path: Path, files: FileAccess) -> str | None:
    try:
        files.verify(path, unreported)
    except ModelLoadError as error:
        return str(error)
    return None
