"""Seconds as a function of a count, learned from measurements: rows of a UNet call, or images of a decode.

Runs in both processes; pure.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Iterable
from typing import Final

_WEIGHT: Final = 0.1
"""Weight of a new measurement in an exponential moving average."""
_FIRST_WEIGHT: Final = 0.5
"""Weight of the first measurement of a count against the interpolated estimate."""
_MAX_RATIO: Final = 2.0
"""Ratio to the mean at which a measurement is clamped, so that one stall changes the mean little."""


def updated_mean(mean: float, seconds: float, weight: float = _WEIGHT) -> float:
    """Returns the moving average after one more measurement. A mean of 0 stands for no measurement yet."""
    return mean + weight * (min(max(seconds, mean / _MAX_RATIO), mean * _MAX_RATIO) - mean) if mean else seconds


class LatencyCurve:
    """A curve that never falls as the count grows: where the measurements fall, the largest so far holds.

    The curve is linear between two measured counts and continues that line below the first. Beyond the last count it is
    proportional to the count, so that it never promises a gain that was not measured.
    """

    def __init__(self, points: Iterable[tuple[int, float]]) -> None:
        """`points` are one or more pairs of a count (at least 1) and seconds."""
        self._means = dict(points)
        assert self._means, "a curve needs at least one point"
        self._fit()

    @property
    def counts(self) -> list[int]:
        """The measured counts in ascending order."""
        return self._counts

    def at(self, count: float) -> float:
        """Returns the seconds for `count`, which may be fractional when it stands for rows of another size."""
        counts, seconds = self._counts, self._seconds
        if count >= counts[-1]:
            return seconds[-1] * count / counts[-1]
        if len(counts) == 1:
            return seconds[0] * count / counts[0]
        right = max(1, bisect.bisect_right(counts, count))
        fraction = (count - counts[right - 1]) / (counts[right] - counts[right - 1])
        line = seconds[right - 1] + fraction * (seconds[right] - seconds[right - 1])
        return max(line, seconds[0] * min(1.0, count / counts[0]))

    def scaled_to(self, count: int, seconds: float) -> LatencyCurve:
        """Returns this curve multiplied by the factor that makes it pass through the measurement."""
        factor = seconds / self.at(count)
        return LatencyCurve((known, mean * factor) for known, mean in self._means.items())

    def learn(self, count: int, seconds: float) -> None:
        """Takes in a measurement made while serving: a tenth of it at a known count, half of it at a new one."""
        known = self._means.get(count)
        self._means[count] = (
            updated_mean(self.at(count), seconds, _FIRST_WEIGHT) if known is None else updated_mean(known, seconds)
        )
        self._fit()

    def knee(self, margin: float) -> int:
        """Returns the largest measured count whose seconds per item are at least a fraction `margin` below those of the
        previous knee."""
        best, best_s = 0, math.inf
        for count, seconds in zip(self._counts, self._seconds, strict=True):
            if seconds / count <= (1 - margin) * best_s:
                best, best_s = count, seconds / count
        return best

    def _fit(self) -> None:
        self._counts = sorted(self._means)
        self._seconds = list(itertools.accumulate((self._means[count] for count in self._counts), max))
