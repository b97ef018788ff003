"""A new image enters the order with its waiting time and the load of its model."""

from __future__ import annotations

import math

import pytest

from pipelines.fake import FakePipeline, FakeState
from service.engine.config import WorkerConfig
from service.engine.costs.cost_model import CostModel
from service.engine.messages import Submit
from service.engine.types import Priority
from service.engine.worker.checkpoints.checkpoints import Checkpoints
from service.engine.worker.device import PLAIN_DEVICE
from service.engine.worker.fault_isolation import FaultIsolation
from service.engine.worker.intake import Intake
from tests.harness.engine.worker_harness import Clock, MemoryChannel, flat_costs, make_params

CONFIG = WorkerConfig(model="fake", interactive_deadline_factor=2.0, batch_deadline_factor=10.0)


def make_intake(load_s: float = 0.0) -> Intake[FakeState]:
    cost = CostModel(flat_costs(16), max_counts={})
    pipeline, clock = FakePipeline(), Clock()
    checkpoints: Checkpoints[FakeState] = Checkpoints(
        pipeline, MemoryChannel(clock), FaultIsolation(PLAIN_DEVICE), facts={}, name_of=lambda name: name
    )
    return Intake(pipeline, cost, checkpoints, CONFIG, clock, load_s=lambda _: load_s)


def test_waiting_before_it_came_counts_for_an_image() -> None:
    image = make_intake().image_of(Submit("a", make_params(), waited_s=30.0, deadline_s=40.0))

    assert (image.arrived_s, image.deadline_s) == (70.0, 110.0)
    assert image.max_load_wait_s == math.inf


@pytest.mark.parametrize(("priority", "factor"), [(Priority.INTERACTIVE, 2.0), (Priority.BATCH, 10.0)])
def test_the_load_of_its_model_puts_an_image_back_in_the_order(priority: Priority, factor: float) -> None:
    at_once, after_load = (make_intake(load_s).image_of(Submit("a", make_params(), priority)) for load_s in (0.0, 8.0))

    assert after_load.load_s == 8.0
    assert after_load.solo_s == at_once.solo_s + 8.0
    assert after_load.virtual_deadline_s == at_once.virtual_deadline_s + factor * 8.0
