"""Finds out the memory of this machine, or of the container in which the process runs.

Runs in the worker's process.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_LIMIT: Final = Path("/sys/fs/cgroup/memory.max")
"""The limit of a container (Linux, Documentation/admin-guide/cgroup-v2.rst): bytes, or `max`."""


def total_bytes(limit: Path = _LIMIT) -> int:
    """Returns the bytes of memory that this process may use at most."""
    physical_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        return min(physical_bytes, int(limit.read_text()))
    except (OSError, ValueError):
        return physical_bytes
