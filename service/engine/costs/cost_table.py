"""Measured costs as values that cross the process border and are kept on disk.

Runs in both processes; pure.
"""

from __future__ import annotations

import msgspec

from pipelines.interface import CostKey


class Point(msgspec.Struct, frozen=True, array_like=True):
    """The measured seconds of one count of rows, texts or images."""

    count: int
    seconds: float
    weight: float = 1.0
    """Number of measurements behind it; old ones count less."""


class KeyCost(msgspec.Struct, frozen=True):
    """Measured costs of one cost key."""

    key: CostKey
    points: tuple[Point, ...]
    """In ascending order of count."""
    max_count: int | None = None
    """The largest count that fits in memory; None where memory never ran out."""


class CostTable(msgspec.Struct, frozen=True):
    """Measured costs of one model on one device."""

    costs: tuple[KeyCost, ...] = ()
    """The least recently measured first."""
