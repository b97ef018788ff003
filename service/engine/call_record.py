"""Records which images a worker is working on. The worker writes it, and the frontend reads it after a crash.

Runs in both processes. The record is a small region of shared memory: it outlives the worker, and writing it takes no
system call. It has two slots: a writer fills the idle one and then names it in the first byte, so that a death at any
moment leaves a whole record.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import struct
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final, Self

_SIZE_BYTES: Final = 1 << 16
_SLOT_BYTES: Final = _SIZE_BYTES // 2
_LENGTH: Final = struct.Struct("<I")
_FIRST_SLOT: Final = _LENGTH.size
"""Offset of the first slot. The byte at offset 0 is the index of the slot that holds the record."""
_MAX_TEXT_BYTES: Final = _SLOT_BYTES - _FIRST_SLOT - _LENGTH.size


class CallRecord:
    """Records the ids of the images whose calls are under way. Nested calls may enter an id several times."""

    def __init__(self, memory: mmap.mmap) -> None:
        """`memory` is a region of zeros, or one that another process writes."""
        self._memory = memory
        self._under_way: Counter[str] = Counter()

    @classmethod
    def private(cls) -> Self:
        """Makes a record that no other process sees."""
        return cls(mmap.mmap(-1, _SIZE_BYTES))

    @classmethod
    def shared(cls, descriptor: int) -> Self:
        """Opens the record in a region that `make_region` made. The descriptor may be closed afterwards."""
        return cls(mmap.mmap(descriptor, _SIZE_BYTES))

    def enter(self, image_ids: Iterable[str]) -> None:
        """Records that a call on behalf of these images begins."""
        self._under_way.update(image_ids)
        self._write()

    def leave(self, image_ids: Iterable[str]) -> None:
        """Undoes one `enter` of each of these images."""
        self._under_way.subtract(image_ids)
        self._under_way = +self._under_way
        self._write()

    @contextlib.contextmanager
    def during(self, image_ids: Iterable[str]) -> Iterator[None]:
        """Records the images while the block runs.

        They stay recorded where the block raises: an error that gets here ends the worker, and the record must still
        name them then. Errors of single images must be handled within the block.
        """
        ids = tuple(image_ids)
        self.enter(ids)
        yield
        self.leave(ids)

    def read(self) -> frozenset[str]:
        """Returns the ids that the writer, which has ended or is this process, recorded last."""
        offset = _FIRST_SLOT + self._memory[0] * _SLOT_BYTES
        (length,) = _LENGTH.unpack_from(self._memory, offset)
        text = self._memory[offset + _LENGTH.size : offset + _LENGTH.size + length].decode()
        return frozenset(text.split("\n")) if text else frozenset()

    def _write(self) -> None:
        slot = 1 - self._memory[0]
        text = "\n".join(self._under_way).encode()
        if len(text) > _MAX_TEXT_BYTES:  # Cut after a whole id. The images beyond are not suspected.
            text = text[: text.rindex(b"\n", 0, _MAX_TEXT_BYTES)]
        start = _FIRST_SLOT + slot * _SLOT_BYTES
        self._memory[start : start + _LENGTH.size + len(text)] = _LENGTH.pack(len(text)) + text
        self._memory[0] = slot


def make_region() -> int:
    """Returns the descriptor of a new region for a record, which the caller must close. It has no name."""
    # A file on disk would work, but on a full disk the worker would be killed as it writes (SIGBUS).
    return memory_region() if sys.platform == "linux" else file_region()


def memory_region() -> int:
    """Makes a region that is backed by memory alone. Linux only."""
    descriptor = os.memfd_create("darkroom-call-record")
    os.ftruncate(descriptor, _SIZE_BYTES)
    return descriptor


def file_region() -> int:
    """Makes a region in an unlinked temporary file, and reserves its space at once."""
    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(bytes(_SIZE_BYTES))
        return os.dup(file.fileno())
