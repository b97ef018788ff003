"""Seconds as a function of a count, learnt from measurements: rows of a UNet call, images of a decode. Pure."""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Iterable
from typing import Final

_WEIGHT: Final = 0.1
"""Of the newest measurement in a running mean."""
_MAX_JUMP: Final = 2.0
"""Factor by which a measurement may differ from the mean; beyond, it counts as that far: one stall teaches little."""


def updated_mean(mean: float, seconds: float, weight: float = _WEIGHT) -> float:
    """The running mean after one more measurement; the first one is the mean."""
    return mean + weight * (min(max(seconds, mean / _MAX_JUMP), mean * _MAX_JUMP) - mean) if mean else seconds


class LatencyCurve:
    """Never falls with the count: where measurements do, the largest so far holds.

    Between two measured counts it is a straight line, below the first it goes on as it began, and beyond the last a
    further one costs as much as those before did on average: no gain is promised that nobody has seen.
    """

    def __init__(self, points: Iterable[tuple[int, float]]) -> None:
        """`points` are pairs of count (at least 1) and seconds, at least one of them."""
        self._means = dict(points)
        assert self._means, "a curve has a point"
        self._fit()

    @property
    def points(self) -> tuple[tuple[int, float], ...]:
        return tuple(sorted(self._means.items()))

    @property
    def counts(self) -> list[int]:
        """The counts that were measured, in order."""
        return self._counts

    def at(self, count: float) -> float:
        """Seconds for `count`, which may be a fraction: of a size that was never measured, say."""
        counts, seconds = self._counts, self._seconds
        if count >= counts[-1]:
            return seconds[-1] * count / counts[-1]
        if len(counts) == 1:
            return seconds[0] * count / counts[0]
        right = max(1, bisect.bisect_right(counts, count))
        share = (count - counts[right - 1]) / (counts[right] - counts[right - 1])
        line = seconds[right - 1] + share * (seconds[right] - seconds[right - 1])
        return max(line, seconds[0] * min(1.0, count / counts[0]))

    def set(self, count: int, seconds: float) -> None:
        """A measurement made with care."""
        self._means[count] = seconds
        self._fit()

    def scaled_to(self, count: int, seconds: float) -> LatencyCurve:
        """The same form, through this measurement."""
        factor = seconds / self.at(count)
        return LatencyCurve((known, mean * factor) for known, mean in self._means.items())

    def learn(self, count: int, seconds: float) -> None:
        """A measurement made in passing: it moves the mean of its count a little, and at a new count half-way."""
        known = self._means.get(count)
        self._means[count] = (
            updated_mean(self.at(count), seconds, 0.5) if known is None else updated_mean(known, seconds)
        )
        self._fit()

    def knee(self, margin: float) -> int:
        """The largest measured count that lowers the seconds of one by a share of `margin` against a smaller knee."""
        best, best_s = 0, math.inf
        for count, seconds in zip(self._counts, self._seconds, strict=True):
            if seconds / count <= (1 - margin) * best_s:
                best, best_s = count, seconds / count
        return best

    def _fit(self) -> None:
        self._counts = sorted(self._means)
        self._seconds = list(itertools.accumulate((self._means[count] for count in self._counts), max))
