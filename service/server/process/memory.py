"""Keeps the memory of a long-running server small, and the pauses of its event loop short."""

from __future__ import annotations

import asyncio
import ctypes
import gc
from typing import Final

_M_ARENA_MAX: Final = -8
"""From glibc's malloc.h."""
_HEAPS: Final = 2
_TRIM_EVERY_S: Final = 60.0


def share_heaps() -> None:
    """Lets all threads that start later allocate from the same few heaps of the C library.

    By default glibc gives each thread its own heap, up to eight for each processor (mallopt(3)), and every heap keeps
    much of what is freed in it. Other C libraries have no such setting; there, nothing changes.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, _HEAPS)


async def trim_heaps(*, every_s: float = _TRIM_EVERY_S) -> None:
    """Returns the pages that are free in the C library's heaps to the system, every `every_s` seconds until canceled.

    A heap grows by what the requests of one moment need together, and glibc itself returns only what is free at its top
    (malloc_trim(3)). This takes one or two milliseconds, in a thread. Other C libraries have no such function; there,
    nothing happens.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    while trim is not None:
        await asyncio.sleep(every_s)
        await asyncio.to_thread(trim, 0)


def freeze_lasting_objects() -> None:
    """Exempts all objects that exist now from garbage collection. Call this once the server is ready.

    Most of these objects are modules, classes and routes, which live as long as the process. A collection that visits
    them takes about a tenth of a second, and the event loop stands still meanwhile.
    """
    gc.collect()
    gc.freeze()
