"""Guesses the costs of a key that was never measured from the nearest measured key of its stage.

Runs in both processes; pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pipelines.interface import UPCAST, UPSCALE, CostKey
from service.engine.costs.key_costs import KeyCosts
from service.engine.costs.latency_curve import LatencyCurve, doublings

_PIXEL_S: Final = 1e-6
"""Seconds per row and pixel before any measurement: 16 ms for a row of 128x128, as on two CPU cores."""
_SIZELESS_S: Final = 0.005
"""Seconds per row before any measurement, for a stage in which the size does not matter."""
_SLOWNESS: Final = {UPCAST: 2.0, UPSCALE: 2.0}
"""Ratio of a variant's seconds to those of the plain key: twice the bytes a number, and a decode before the encode."""


def guess(key: CostKey, known: Mapping[CostKey, KeyCosts], *, most: int, factor: float) -> LatencyCurve:
    """Returns a curve at usual speed from the `known` keys of the stage.

    A row of twice the pixels counts as two rows, because it is as much work and has as much to gain from sharing a
    call. A key of the same model is nearer than any other, and among those one of the same variant.
    """
    if not known:
        return LatencyCurve([1], [(_PIXEL_S * key.pixels or _SIZELESS_S) * _slowness(key) / factor])
    nearest = min(
        known,
        key=lambda other: (
            other.model != key.model,
            other.variant != key.variant,
            other.variant,
            _distance(key, other),
        ),
    )
    curve, ratio = known[nearest].curve(factor), _pixels(key) / _pixels(nearest)
    slowness = _slowness(key) / _slowness(nearest)
    counts = list(doublings(most))
    return LatencyCurve(counts, [slowness * curve.at(count * ratio) for count in counts])


def _distance(one: CostKey, other: CostKey) -> float:
    fewer, more = sorted((_pixels(one), _pixels(other)))
    return more / fewer


def _pixels(key: CostKey) -> int:
    return max(1, key.pixels)


def _slowness(key: CostKey) -> float:
    return _SLOWNESS.get(key.variant, 1.0)
