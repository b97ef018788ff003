"""Lists names in messages. Knows nothing of what they name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_MAX_NAMED: Final = 3


def first_few(names: Iterable[str]) -> str:
    """Return the first names in alphabetical order, and how many more there are: "a, b, c and 2 more"."""
    ordered = sorted(names)
    rest = len(ordered) - _MAX_NAMED
    return ", ".join(ordered[:_MAX_NAMED]) + (f" and {rest} more" if rest > 0 else "")
