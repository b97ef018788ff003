"""Decides which counts are tried again, from the number of calls since they were last met.

Runs in both processes; pure. A count that is not met while serving would keep for ever what was measured of it once,
rightly or wrongly: a count above the knee because no call has so many rows, one below it because all calls have more.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

_CALLS: Final = 16
"""Calls without a count after which it is tried for the first time."""
_GROWTH: Final = 1.5
"""Factor by which these calls grow with each try."""
_MAX_CALLS: Final = 8192


class Tries:
    """The tries of one cost key. Time is counted in calls of the key."""

    def __init__(self) -> None:
        self._last: dict[int, int] = {}
        """The number of calls when a count was last met or tried."""
        self._tries: Counter[int] = Counter()
        """Tries of a count since it was last met with a surprise."""

    def met(self, count: int, calls: int, *, surprise: bool) -> None:
        """Notes that a call had this count. A surprising measurement makes it worth trying again soon."""
        self._last[count] = calls
        if surprise:
            self._tries[count] = 0

    def tried(self, count: int, calls: int) -> None:
        """Notes the end of a try, whether or not the count was met."""
        self._last[count] = calls
        self._tries[count] += 1

    def waited(self, count: int, calls: int) -> float:
        """Returns how long ago the count was last met or tried, as a multiple of the time to wait before it is tried.

        That time grows with each try, so that a count which no call can have is asked for ever more seldom.
        """
        wait = min(_CALLS * _GROWTH ** self._tries[count], _MAX_CALLS)
        return (calls - self._last.get(count, 0)) / wait
