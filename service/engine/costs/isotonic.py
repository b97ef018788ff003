"""Fits a sequence that never falls to noisy and sometimes wrong measurements: pooled adjacent violators with medians.

Runs in both processes; pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeAlias

Weighted: TypeAlias = tuple[float, float]
"""A value and its weight, which is positive."""


class _Block(NamedTuple):
    """Adjacent groups that share one value, the median of all their measurements."""

    samples: list[Weighted]
    groups: int
    median: float


def weighted_median(samples: Iterable[Weighted]) -> float:
    """Returns the smallest value at which half of the weight is reached. At least one sample is required."""
    ordered = sorted(samples)
    left = sum(weight for _, weight in ordered) / 2
    for value, weight in ordered:
        left -= weight
        if left <= 0:
            return value
    return ordered[-1][0]


def isotonic_medians(groups: Iterable[Sequence[Weighted]]) -> list[float]:
    """Returns a value for each group, such that the values never fall and are as close as possible to the samples.

    The algorithm pools adjacent violators (Barlow et al., Statistical Inference under Order Restrictions, 1972). A pool
    has the weighted median of its samples, not their mean, which makes this the isotonic regression with the least sum
    of absolute deviations (Robertson, Wright and Dykstra, Order Restricted Statistical Inference, 1988): one wrong
    sample among several right ones does not move the result.
    """
    blocks: list[_Block] = []
    for group in groups:
        block = _Block([*group], 1, weighted_median(group))
        while blocks and blocks[-1].median > block.median:
            before = blocks.pop()
            samples = before.samples + block.samples
            block = _Block(samples, before.groups + block.groups, weighted_median(samples))
        blocks.append(block)
    return [block.median for block in blocks for _ in range(block.groups)]
