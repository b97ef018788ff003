"""Keeps the memory of a long-running server small, and the pauses of its event loop short."""

from __future__ import annotations

import ctypes
import gc
from typing import Final

_M_ARENA_MAX: Final = -8
"""From glibc's malloc.h."""
_HEAPS: Final = 2


def share_heaps() -> None:
    """Lets all threads that start later allocate from the same few heaps of the C library.

    By default glibc gives each thread its own heap, up to eight for each processor (mallopt(3)), and every heap keeps
    much of what is freed in it. Other C libraries have no such setting; there, nothing changes.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, _HEAPS)


def freeze_lasting_objects() -> None:
    """Exempts all objects that exist now from garbage collection. Call this once the server is ready.

    Most of these objects are modules, classes and routes, which live as long as the process. A collection that visits
    them takes about a tenth of a second, and the event loop stands still meanwhile.
    """
    gc.collect()
    gc.freeze()
