"""Computes the SHA-256 digests of files, each once for as long as the file stays the same."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import BinaryIO, Final, TypeAlias

from pipelines.progress import Report, unreported

_CHUNK_BYTES: Final = 1 << 20
_REPORTED_BYTES: Final = 64 << 20

_Identity: TypeAlias = tuple[int, ...]
"""Device, inode, size, and the times of the last change of the content and of the inode, in nanoseconds."""


class Digests:
    """Keeps the digest of each file, together with the state of the file that it was computed from."""

    def __init__(self) -> None:
        self._known: dict[_Identity, str] = {}

    def of(self, path: Path, report: Report = unreported) -> str:
        """Return the digest of a file's content as 64 lower-case digits.

        A file that has the same identity as before is not read again. `report` is called now and then, and may raise to
        end it. Raises OSError.
        """
        with path.open("rb") as file:
            identity = _identity(file)
            if identity not in self._known:
                report(f"computing the digest of {path.name}")
                digest = _hash(file, report)
                if _identity(file) != identity:  # It was written to meanwhile: the next call reads it again.
                    return digest
                self._known[identity] = digest
            return self._known[identity]


def _hash(file: BinaryIO, report: Report) -> str:
    digest, buffer, unreported_bytes = hashlib.sha256(), memoryview(bytearray(_CHUNK_BYTES)), 0
    while read := file.readinto(buffer):  # type: ignore[attr-defined]  # typeshed lacks it, and files in binary have it
        digest.update(buffer[:read])
        unreported_bytes += read
        if unreported_bytes >= _REPORTED_BYTES:
            report()
            unreported_bytes = 0
    return digest.hexdigest()


def _identity(file: BinaryIO) -> _Identity:
    found = os.fstat(file.fileno())
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
