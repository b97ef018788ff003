"""Raises the limit on open files, and computes how many connections it allows."""

from __future__ import annotations

import resource
from typing import Final

_ENOUGH: Final = 65_536
"""A soft limit beyond need. Under a huge limit, programs that close every descriptor take minutes."""
OTHER_FILES: Final = 224
"""Descriptors other than callers' connections: the database, images, workers, decoders of uploads, the log, webhooks
under way, and connections that are accepted only to be refused."""
_LEAST_CONNECTIONS: Final = 16


def raise_limit() -> int:
    """Raises the process's soft limit on open files as far as allowed and useful. Returns the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return _ENOUGH if soft == resource.RLIM_INFINITY else soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


def affordable(connections: int, limit: int, *, beside: int) -> int:
    """Returns how many of the wanted connections fit in the limit together with `beside` others."""
    return min(connections, max(_LEAST_CONNECTIONS, limit - OTHER_FILES - beside))
