"""Describes seconds as a function of a count: rows of a UNet call, texts, or images of a decode.

Runs in both processes; pure.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LatencyCurve:
    """A curve through points that never fall as the count grows.

    The curve is linear between two points and continues that line below the first. Beyond the last point it is
    proportional to the count, so that it never promises a gain that was not measured.
    """

    counts: Sequence[int]
    """At least one count, in ascending order; each is at least 1."""
    seconds: Sequence[float]

    def at(self, count: float) -> float:
        """Returns the seconds for `count`, which may be fractional when it stands for rows of another size."""
        counts, seconds = self.counts, self.seconds
        if count >= counts[-1]:
            return seconds[-1] * count / counts[-1]
        if len(counts) == 1:
            return seconds[0] * count / counts[0]
        right = max(1, bisect.bisect_right(counts, count))
        fraction = (count - counts[right - 1]) / (counts[right] - counts[right - 1])
        line = seconds[right - 1] + fraction * (seconds[right] - seconds[right - 1])
        return max(line, seconds[0] * min(1.0, count / counts[0]))


def knee(seconds: Callable[[int], float], counts: Iterable[int], *, margin: float) -> int:
    """Returns the largest of `counts`, which ascend, whose seconds per item are at least a fraction `margin` below
    those of the previous knee."""
    best, best_s = 0, math.inf
    for count in counts:
        item_s = seconds(count) / count
        if item_s <= (1 - margin) * best_s:
            best, best_s = count, item_s
    return best


def doublings(most: int) -> Iterator[int]:
    """Yields 1, 2, 4 ... and at last `most`: the counts that are measured before serving and tried while serving."""
    count = 1
    while count < most:
        yield count
        count *= 2
    yield most
