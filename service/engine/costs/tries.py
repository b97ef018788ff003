"""Decides which counts are tried again, from the number of calls since they were last met.

Runs in both processes; pure. A count that does not occur while serving would keep one right or wrong measurement for
ever: a count above the knee because no call has so many rows, one below it because all calls have more.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

_CALLS: Final = 16
"""Number of calls without a count after which it is tried for the first time."""
_GROWTH: Final = 1.5
"""Factor by which these calls grow with each try."""
_MAX_CALLS: Final = 8192


class Tries:
    """The tries of one cost key. Time is counted in calls of the key."""

    def __init__(self) -> None:
        self._last: dict[int, int] = {}
        """The number of calls when a count was last met or tried."""
        self._tries: Counter[int] = Counter()
        """Number of tries of a count since its last surprising measurement."""

    def met(self, count: int, calls: int, *, surprise: bool) -> None:
        """Records that a call had this count. A surprising measurement makes it worth trying again soon."""
        self._last[count] = calls
        if surprise:
            self._tries[count] = 0

    def tried(self, count: int, calls: int) -> None:
        """Records the end of a try, whether or not a call had the count."""
        self._last[count] = calls
        self._tries[count] += 1

    def waited(self, count: int, calls: int) -> float:
        """Returns how long ago the count was last met or tried, as a multiple of the time to wait before it is tried.

        That time grows with each try, so that a count which no call can have is tried ever more seldom.
        """
        wait = min(_CALLS * _GROWTH ** self._tries[count], _MAX_CALLS)
        return (calls - self._last.get(count, 0)) / wait
