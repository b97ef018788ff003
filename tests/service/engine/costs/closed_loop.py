"""Simulates a device that makes images, in a closed loop of cost model, batches and measurements. Pure."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from pipelines.fake import INFO
from pipelines.interface import CostKey, Stage, WorkPlan
from pipelines.params import GenerationParams
from pipelines.work_plan import plan
from service.engine.costs.cost_model import CostModel
from service.engine.costs.cost_table import CostTable, KeyCost, Point
from service.engine.costs.latency_curve import doublings

Seconds: TypeAlias = Callable[[int], float]
"""The true seconds of a call by its count."""
Curves: TypeAlias = Mapping[CostKey, Seconds]

SIZE: Final = 128
DENOISE: Final = CostKey(Stage.DENOISE, SIZE, SIZE, model=INFO.name)
DECODE: Final = CostKey(Stage.DECODE, SIZE, SIZE, model=INFO.name)
TEXT: Final = CostKey(Stage.TEXT, model=INFO.name)
KEYS: Final = (DENOISE, DECODE, TEXT)
MAX_COUNTS: Final = {Stage.DENOISE: 16, Stage.DECODE: 4, Stage.TEXT: 8}
_NOISE: Final = 0.03
"""Standard deviation of the logarithm of a call's seconds."""


def plan_image(*, steps: int = 20, guided: bool = True, size: int = SIZE) -> WorkPlan:
    params = GenerationParams(
        prompt="a red circle",
        width=size,
        height=size,
        steps=steps,
        guidance_scale=4.0 if guided else 1.0,
        seed=1,
        sampler="ddim",
    )
    return plan(INFO, params)


def table(
    curves: Curves, wrong: Mapping[tuple[CostKey, int], float] | None = None, *, weight: float = 1.0
) -> CostTable:
    """Returns what a warm-up measures. `wrong` holds the factor of each point that was measured wrongly."""
    wrong = wrong or {}
    return CostTable(
        tuple(
            KeyCost(
                key,
                tuple(
                    Point(count, curve(count) * wrong.get((key, count), 1.0), weight)
                    for count in doublings(MAX_COUNTS[key.stage])
                ),
            )
            for key, curve in curves.items()
        )
    )


@dataclass(slots=True, eq=False)
class _Image:
    plan: WorkPlan
    stage: int = 0
    """The position in the plan of the stage that is under way."""
    calls_made: int = 0

    def advance(self) -> bool:
        """Notes a call. Returns whether the image is finished."""
        self.calls_made += 1
        if self.calls_made == self.plan.calls[self.stage].calls_left:
            self.stage, self.calls_made = self.stage + 1, 0
        return self.stage == len(self.plan.calls)


@dataclass(slots=True)
class Loop:
    """Makes images on a device of the given speed. There are always `in_flight` of them."""

    model: CostModel
    curves: Curves
    plans: list[WorkPlan]
    in_flight: int
    slowdown: float = 1.0
    """Factor of the device's speed, for all calls."""
    wrong: Mapping[int, float] = field(default_factory=dict)
    """Factor of a single measurement, by the number of the call."""
    random: random.Random = field(default_factory=lambda: random.Random(1))
    calls: int = 0
    _images: list[_Image] = field(default_factory=list)
    _begun: int = 0

    def run(self, images: int) -> float:
        """Finishes at least this many images. Returns images per second of the device's time."""
        finished, seconds = 0, 0.0
        while finished < images:
            self._begin()
            for key in KEYS:
                batch = self._batch(key)
                if batch:
                    seconds += self._call(key, sum(image.plan.calls[image.stage].rows for image in batch))
                    finished += sum(image.advance() for image in batch)
            self._images = [image for image in self._images if image.stage < len(image.plan.calls)]
        return finished / seconds

    def _begin(self) -> None:
        while len(self._images) < self.in_flight:
            self._images.append(_Image(self.plans[self._begun % len(self.plans)]))
            self._begun += 1

    def _batch(self, key: CostKey) -> list[_Image]:
        """Returns the oldest images whose next call has the key, up to the knee; the first in any case."""
        knee, rows = self.model.knee(key), 0
        batch: list[_Image] = []
        for image in self._images:
            call = image.plan.calls[image.stage] if image.stage < len(image.plan.calls) else None
            if call is not None and call.cost == key and (not batch or rows + call.rows <= knee):
                batch.append(image)
                rows += call.rows
        return batch

    def _call(self, key: CostKey, count: int) -> float:
        true_s = self.curves[key](count) * self.slowdown
        measured_s = true_s * self.random.lognormvariate(0.0, _NOISE) * self.wrong.get(self.calls, 1.0)
        self.model.learn(key, count, measured_s)
        self.calls += 1
        return true_s
