"""Learns the speed factor of the device: the ratio by which all calls take longer than usual.

Runs in both processes; pure. It distinguishes a slow device from a changed cost: the first slows the calls of all keys
alike, the second those of one key.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter, deque
from collections.abc import Iterator
from typing import Final

from service.engine.costs.key_costs import KeyCosts

_RECENT: Final = 64
"""Number of calls of any key that are recent. They must reach from one decode or text to the next, because a single key
does not show whether the device changed."""
_VOTES: Final = 2
"""Maximum number of votes of one key."""
_LEAST_CHANGE: Final = 1.1
"""Smallest ratio by which the factor changes. Smaller changes are left to the measurements of each count."""


class DeviceSpeed:
    """Keeps the factor, and the recent calls that show it.

    Each count of the recent calls votes for the ratio of its latest measurements to its usual seconds; a key has two
    votes at most, and the present factor has one. The factor is the median of the votes. So a change of one key, or one
    wrong measurement, does not change the factor where calls of other keys contradict it.
    """

    def __init__(self) -> None:
        self.factor = 1.0
        self._recent: deque[tuple[KeyCosts, int]] = deque()

    def learn(self, costs: KeyCosts, count: int) -> None:
        """Learns from a call that `costs` has just learned."""
        self._recent.append((costs, count))
        votes = [*self._votes(), self.factor]
        factor = max(statistics.median_low(votes), min(self.factor, statistics.median_high(votes)))
        if abs(math.log(factor / self.factor)) >= math.log(_LEAST_CHANGE):
            self._change(factor)
        elif len(self._recent) > _RECENT:
            oldest, count = self._recent.popleft()
            oldest.settle(count, [self.factor])

    def _votes(self) -> Iterator[float]:
        taken: Counter[KeyCosts] = Counter()
        for costs, count in dict.fromkeys(reversed(self._recent)):
            if taken[costs] < _VOTES and (slowdown := costs.slowdown(count)) is not None:
                taken[costs] += 1
                yield slowdown

    def _change(self, factor: float) -> None:
        """Settles the recent calls, each at the factor under which it fits the earlier measurements better."""
        factors = [self.factor, factor]
        for costs, count in self._recent:
            costs.settle(count, factors)
        self._recent.clear()
        self.factor = factor
