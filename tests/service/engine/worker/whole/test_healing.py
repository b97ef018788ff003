"""The worker heals from one wrong measurement: after a hundred images it is as fast and as exact as with the right one.

The wrong point is in the file that the worker starts with; calls while serving are measured right.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from benchmarks.simulator.darkroom_server import DarkroomServer
from benchmarks.simulator.report import MAX_DECODE, SimulatedDevice
from pipelines.interface import Stage
from pipelines.params import GenerationParams
from service.engine.costs.cost_table import CostTable, Point
from tests.harness.engine.worker_harness import make_costs, make_params

SIZE = (64, 64)
ROWS = (1, 2, 4, 8, 16)
RIGHT = make_costs(
    {SIZE: dict(zip(ROWS, (0.021, 0.032, 0.042, 0.066, 0.116), strict=True))},
    {SIZE: {1: 0.032, 2: 0.064, 4: 0.128}},
    {1: 0.005, 2: 0.01, 4: 0.02},
)
DEVICE = SimulatedDevice(RIGHT, max_rows=16)
IN_FLIGHT = 8
TOLERANCE = 0.15


def spoiled(stage: Stage, position: int, factor: float) -> CostTable:
    """Returns the right costs with one wrong point."""

    def spoil(points: tuple[Point, ...]) -> tuple[Point, ...]:
        wrong = position % len(points)
        return tuple(
            msgspec.structs.replace(point, seconds=point.seconds * factor) if number == wrong else point
            for number, point in enumerate(points)
        )

    return CostTable(
        tuple(
            msgspec.structs.replace(cost, points=spoil(cost.points)) if cost.key.stage is stage else cost
            for cost in RIGHT.costs
        )
    )


class Client:
    """Keeps a number of images in flight."""

    def __init__(self, table: CostTable) -> None:
        self.server = DarkroomServer(DEVICE.cost, table=table, max_rows=DEVICE.max_rows, max_decode=MAX_DECODE)
        self.now_s = 0.0
        self._numbers = iter(range(10**6))

    @property
    def eta_ratio(self) -> float:
        """Returns the median ratio of reported to true remaining times."""
        return statistics.median(estimate.reported_s / estimate.true_s for estimate in self.server.estimates)

    def submit(self, params: GenerationParams, deadline_s: float | None = None) -> None:
        self.server.accept(next(self._numbers), params, self.now_s, deadline_s=deadline_s)

    def make(self, images: Iterable[GenerationParams], in_flight: int = IN_FLIGHT) -> float:
        """Makes the images. Returns the seconds that this takes."""
        start_s, waiting, running = self.now_s, iter(images), 0
        while True:
            while running < in_flight and (params := next(waiting, None)) is not None:
                self.submit(params)
                running += 1
            action = self.server.next_action(self.now_s)
            if action is None:
                return self.now_s - start_s
            self.now_s += action.seconds
            running -= len(action.finished)


def images(count: int) -> list[GenerationParams]:
    return [make_params("a", seed=seed, steps=(4, 10, 20)[seed % 3]) for seed in range(count)]


@settings(max_examples=8, deadline=None)
@given(st.sampled_from(list(Stage)), st.integers(0, 4), st.floats(0.1, 20.0))
@example(Stage.DENOISE, 2, 600 / 42)
@example(Stage.DENOISE, 0, 3.0)
def test_one_wrong_measurement_is_forgotten_after_a_hundred_images(stage: Stage, position: int, factor: float) -> None:
    client, reference = Client(spoiled(stage, position, factor)), Client(RIGHT)
    for each in (client, reference):
        each.make(images(100))
        each.server.estimates.clear()
    took_s, right_s = (each.make(images(60)) for each in (client, reference))
    assert took_s == pytest.approx(right_s, rel=TOLERANCE), "the throughput"
    assert client.eta_ratio == pytest.approx(reference.eta_ratio, rel=TOLERANCE), "the estimates"

    solo_s = client.make([make_params("a", steps=20)])
    client.submit(make_params("a", steps=20), deadline_s=(1 + TOLERANCE) * solo_s)
    client.make([])
    assert not client.server.failed, "an image that has time enough is not given up"
