"""Stand-in until the costs branch is merged."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from pipelines.interface import CostKey, Stage, WorkPlan
from service.engine.costs.latency_curve import LatencyCurve


class Point(NamedTuple):
    count: int
    seconds: float
    weight: float = 1.0


class KeyCost(msgspec.Struct, frozen=True):
    key: CostKey
    points: tuple[Point, ...]
    max_count: int | None = None


class CostTable(msgspec.Struct, frozen=True):
    costs: tuple[KeyCost, ...] = ()


class CostModel:
    def __init__(self, table: CostTable, *, max_counts: Mapping[Stage, int]) -> None:
        self._max_counts = max_counts
        self._curves = {cost.key: LatencyCurve([(p.count, p.seconds) for p in cost.points]) for cost in table.costs}
        self._limits = {cost.key: cost.max_count for cost in table.costs if cost.max_count}

    def _curve(self, key: CostKey) -> LatencyCurve:
        if key in self._curves:
            return self._curves[key]
        known = [k for k in self._curves if k.stage is key.stage]
        if not known:
            return LatencyCurve([(1, 1e-6 * max(1, key.pixels))])
        nearest = min(known, key=lambda k: abs(math.log(max(1, k.pixels) / max(1, key.pixels))))
        ratio = max(1, key.pixels) / max(1, nearest.pixels)
        curve = self._curves[nearest]
        return LatencyCurve([(c, curve.at(c * ratio)) for c in curve.counts])

    def seconds(self, key: CostKey, count: int) -> float:
        return self._curve(key).at(count)

    def knee(self, key: CostKey) -> int:
        curve = self._curve(key)
        knee = curve.knee(0.05)
        if knee == curve.counts[-1]:
            knee *= 2
        return max(
            2 if key.stage is Stage.DENOISE else 1,
            min(knee, self._limits.get(key, 1 << 30), self._max_counts[key.stage]),
        )

    def unit_s(self, key: CostKey) -> float:
        knee = self.knee(key)
        return self.seconds(key, knee) / knee

    def is_measured(self, key: CostKey) -> bool:
        return key in self._curves

    def learn(self, key: CostKey, count: int, seconds: float) -> None:
        if key in self._curves:
            self._curves[key].learn(count, seconds)
        else:
            guess = self._curve(key)
            self._curves[key] = guess.scaled_to(count, seconds) if guess.at(count) else LatencyCurve([(count, seconds)])

    def learn_out_of_memory(self, key: CostKey, count: int) -> None:
        self._limits[key] = max(1, min(self._limits.get(key, 1 << 30), count - 1))

    def solo_s(self, plan: WorkPlan) -> float:
        return sum(call.calls_left * self.seconds(call.cost, call.rows) for call in plan.calls)

    def price_s(self, plan: WorkPlan) -> float:
        return sum(call.calls_left * call.rows * self.unit_s(call.cost) for call in plan.calls)

    def table(self) -> CostTable:
        return CostTable()
