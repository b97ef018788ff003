"""Computes from samples how fast the sizes of a process grow. Pure."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tests.chaos.clients.reconcile import Discrepancy

_MEBIBYTE: Final = 1 << 20
_MAX_POINTS: Final = 200
"""Samples that are compared with each other; more of them would tell no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The sizes of a server and its worker at one moment."""

    at_s: float
    server_bytes: int
    """Resident memory."""
    worker_bytes: int
    server_files: int
    """Open files."""
    worker_files: int


@dataclass(frozen=True, slots=True)
class Bound:
    """The most that a size may grow."""

    an_hour: float
    slack: float
    """Growth that is permitted besides, however short the run is: what comes and goes with the load."""


BOUNDS: Final = {
    "server_bytes": Bound(8 * _MEBIBYTE, 6 * _MEBIBYTE),
    "worker_bytes": Bound(8 * _MEBIBYTE, 6 * _MEBIBYTE),
    "server_files": Bound(4, 16),
    "worker_files": Bound(4, 4),
}


def slope_an_hour(samples: Sequence[Sample], name: str) -> float:
    """Returns the growth of a size in an hour: the median of the slopes between all pairs of samples (Theil and Sen).

    A few samples that are far off hardly change it.
    """
    chosen = samples[:: max(1, len(samples) // _MAX_POINTS)]
    slopes: list[float] = [
        (getattr(late, name) - getattr(early, name)) / (late.at_s - early.at_s)
        for early, late in itertools.combinations(chosen, 2)
    ]
    return 3600 * statistics.median(slopes)


def find_growth(samples: Sequence[Sample]) -> list[Discrepancy]:
    """Returns the sizes that grow faster than their bounds permit."""
    hours = (samples[-1].at_s - samples[0].at_s) / 3600
    grown = []
    for name, bound in BOUNDS.items():
        slope = slope_an_hour(samples, name)
        if slope * hours > bound.an_hour * hours + bound.slack:
            grown.append(Discrepancy("growth", f"{name}: {slope:,.0f} an hour, for {hours * 3600:.0f} s"))
    return grown
