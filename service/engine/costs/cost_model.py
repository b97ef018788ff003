"""Estimates what calls and images cost in device seconds, and learns from measured calls.

Runs in both processes; pure. It reads no clock and no files: its callers pass measurements in. All it knows about an
image is its `WorkPlan`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pipelines.interface import CostKey, Stage, WorkPlan
from service.engine.costs.cost_table import CostTable, KeyCost
from service.engine.costs.device_speed import DeviceSpeed
from service.engine.costs.guesses import guess
from service.engine.costs.key_costs import KeyCosts

_ALIKE: Final = {Stage.INPUT: Stage.DECODE}
"""Maps a stage that the warm-up leaves out to the one from which it is guessed: an autoencoder's halves are alike."""
_LEAST: Final = {Stage.DENOISE: 2}
"""Smallest knee of a stage: a guided image takes two rows."""
_MAX_KEYS: Final = 64
"""Number of keys of a stage and a model that are remembered; the one that was measured least recently is forgotten
first."""
_GUESS_CALLS: Final = 32
"""Learned calls for which a guess is kept, since many keys may be asked about in every turn."""


class CostModel:
    """Estimates seconds by cost key and count: rows of a UNet call, texts, or images of a decode.

    The estimate of a call is the product of two numbers that are learned apart: the seconds of its key and count at the
    device's usual speed (`KeyCosts`), and the speed factor of the device (`DeviceSpeed`).
    """

    def __init__(self, table: CostTable, *, max_counts: Mapping[Stage, int]) -> None:
        """`max_counts` bounds the count of a stage's calls; a stage that it does not name has calls of one."""
        self._max_counts = max_counts
        self._speed = DeviceSpeed()
        self._known: dict[Stage, dict[CostKey, KeyCosts]] = {stage: {} for stage in Stage}
        """Costs of the keys of each stage, least recently measured first."""
        self._guessed: dict[CostKey, KeyCosts] = {}
        """Costs of other keys."""
        self._learned = 0
        for cost in table.costs:
            if cost.points:
                self._known[cost.key.stage][cost.key] = self._loaded(cost)

    def seconds(self, key: CostKey, count: int) -> float:
        """Returns the seconds of one call of `count` rows, texts or images."""
        return self._speed.factor * self._costs(key).curve(self._speed.factor).at(count) if count else 0.0

    def knee(self, key: CostKey) -> int:
        """Returns the most rows that the next call should have.

        Beyond the knee, more rows do not lower the seconds per row. Now and then it is another count that has not
        occurred for long, until a call that tried it was learned. Calling this changes nothing.
        """
        return self._costs(key).knee(self._speed.factor)

    def unit_s(self, key: CostKey) -> float:
        """Returns the device seconds of one row in a full call."""
        best = self._costs(key).best(self._speed.factor)
        return self.seconds(key, best) / best

    def is_measured(self, key: CostKey) -> bool:
        """Returns False if all seconds of this key are guesses."""
        return self._costs(key).measured

    def learn_fitting(self, key: CostKey, count: int) -> None:
        """Learns that a part of a failed call, with `count` rows, texts or images, fitted in memory."""
        self._remember(key).learn_fitting(count)

    def solo_s(self, plan: WorkPlan) -> float:
        """Returns the seconds from text to pixels for an image that has the device to itself."""
        return sum(call.calls_left * self.seconds(call.cost, call.rows) for call in plan.calls)

    def price_s(self, plan: WorkPlan) -> float:
        """Returns the device seconds that the image adds when all of its calls are full."""
        return sum(call.calls_left * call.rows * self.unit_s(call.cost) for call in plan.calls)

    def learn(self, key: CostKey, count: int, seconds: float) -> None:
        """Learns the measured seconds of a successful call."""
        costs = self._remember(key)
        costs.learn(count, seconds, self._speed.factor)
        self._speed.learn(costs, count)
        self._learned += 1
        if self._learned % _GUESS_CALLS == 0:
            self._guessed.clear()

    def learn_out_of_memory(self, key: CostKey, count: int) -> None:
        """Keeps the knee below `count`, with which a call ran out of memory: at the largest count that fitted before.

        After a long while the count is tried again.
        """
        self._remember(key).learn_out_of_memory(count)

    def table(self) -> CostTable:
        """Returns the costs at the device's present speed."""
        return CostTable(
            tuple(
                KeyCost(key, tuple(costs.points(self._speed.factor)), costs.max_count)
                for known in self._known.values()
                for key, costs in known.items()
                if costs.measured
            )
        )

    def _costs(self, key: CostKey) -> KeyCosts:
        known = self._known[key.stage]
        if key in known:
            return known[key]
        if key not in self._guessed:
            self._guessed[key] = self._guess(key)
        return self._guessed[key]

    def _remember(self, key: CostKey) -> KeyCosts:
        """Returns the costs of the key and makes it the most recently measured one."""
        known = self._known[key.stage]
        costs = known.pop(key, None)
        if costs is None:
            costs = self._guess(key)
            self._guessed.clear()
        known[key] = costs
        same_model = [other for other in known if other.model == key.model]
        if len(same_model) > _MAX_KEYS:
            del known[same_model[0]]
        return costs

    def _guess(self, key: CostKey) -> KeyCosts:
        most = self._most(key.stage)
        known = self._known[key.stage] or self._known[_ALIKE.get(key.stage, key.stage)]
        curve = guess(key, known, most=most, factor=self._speed.factor)
        return KeyCosts(self._least(key.stage), most, guess=curve)

    def _loaded(self, cost: KeyCost) -> KeyCosts:
        stage = cost.key.stage
        costs = KeyCosts(self._least(stage), self._most(stage), points=cost.points, guess=None)
        if cost.max_count is not None:
            costs.limit(cost.max_count)
        return costs

    def _least(self, stage: Stage) -> int:
        return min(_LEAST.get(stage, 1), self._most(stage))

    def _most(self, stage: Stage) -> int:
        return self._max_counts.get(stage, 1)
