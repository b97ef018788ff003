"""From latencies to the figures that are reported: percentiles, attainment, goodput, and the rate to try next.

Arithmetic only; what was measured, and how, is not known here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

TARGET_ATTAINMENT: Final = 0.99
SLO_FACTOR: Final = 3.0
"""A job is in time if it takes at most this many times what it takes alone."""


@dataclass(frozen=True, slots=True)
class Percentiles:
    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True)
class Probe:
    """One rate that was offered, in jobs a second, and the share of its jobs that were in time."""

    rate: float
    attainment: float


def percentile(values: Iterable[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the values lie, interpolated between the two nearest; NaN for none."""
    ordered = sorted(values)
    if not ordered:
        return math.nan
    position = share * (len(ordered) - 1)
    below, above = math.floor(position), math.ceil(position)
    return ordered[below] + (position - below) * (ordered[above] - ordered[below])


def percentiles(values: Iterable[float]) -> Percentiles:
    ordered = sorted(values)
    return Percentiles(percentile(ordered, 0.50), percentile(ordered, 0.95), percentile(ordered, 0.99))


def attainment(latencies: Iterable[tuple[float | None, float]]) -> float:
    """The share of jobs in time, from pairs of latency and objective; None is a job without a right answer.

    NaN for no jobs.
    """
    in_time = [latency is not None and latency <= objective for latency, objective in latencies]
    return sum(in_time) / len(in_time) if in_time else math.nan


def allowed_misses(jobs: int, target: float = TARGET_ATTAINMENT) -> int:
    """How many of the jobs may be late without missing the target."""
    return math.floor(jobs * (1 - target) + 1e-9)


def goodput(probes: Sequence[Probe], target: float = TARGET_ATTAINMENT) -> float:
    """The highest rate that met the target, as did every lower rate that was tried; 0 where the lowest did not."""
    best = 0.0
    for probe in sorted(probes, key=lambda probe: (probe.rate, probe.attainment)):
        if probe.attainment < target:
            break
        best = probe.rate
    return best


def next_rate(probes: Sequence[Probe], low: float, high: float, target: float = TARGET_ATTAINMENT) -> float:
    """The rate whose probe halves, on a logarithmic scale, where between `low` and `high` the goodput may lie."""
    if not 0 < low < high:
        raise ValueError("low must be positive and below high")
    met = goodput(probes, target)
    missed = min((probe.rate for probe in probes if probe.attainment < target), default=high)
    return math.sqrt(max(met, low) * max(missed, low))
