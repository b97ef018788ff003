"""Which images share a UNet call."""

from __future__ import annotations

from service.engine.costs.cost_model import SizeCost
from service.engine.costs.cost_table import CostTable
from tests.harness.engine.scheduler_harness import SchedulerHarness


def test_an_image_that_does_not_fit_is_skipped() -> None:
    harness = SchedulerHarness()
    large, small = (
        harness.add(steps=9, virtual_deadline_s=3.0),
        harness.add(steps=9, virtual_deadline_s=4.0, guidance_scale=1.0),
    )
    harness.turn()
    first, second = harness.add(virtual_deadline_s=1.0), harness.add(virtual_deadline_s=2.0)

    assert harness.turn() == [first, second, small]
    assert large.begun_state.calls_done == 1


STEEP = CostTable((SizeCost(64, 64, calls=((1, 0.1), (2, 0.1), (4, 0.15)), decodes=((1, 0.0),)),))
"""Costs of a device on which larger batches are more efficient and slower."""


def test_an_image_that_would_make_a_more_urgent_one_late_is_left_out_of_the_batch() -> None:
    harness = SchedulerHarness(STEEP)
    urgent, relaxed = harness.add(steps=4, virtual_deadline_s=0.45), harness.add(steps=4, virtual_deadline_s=9.0)

    assert harness.turn() == [urgent]
    assert relaxed.state is None


def test_an_image_that_is_late_in_any_case_does_not_limit_the_batch() -> None:
    harness = SchedulerHarness(STEEP)
    late, relaxed = harness.add(steps=4, virtual_deadline_s=0.05), harness.add(steps=4, virtual_deadline_s=9.0)

    assert harness.turn() == [late, relaxed]


def test_no_call_has_more_rows_than_the_knee() -> None:
    no_gain = SizeCost(64, 64, calls=((1, 0.1), (2, 0.15), (4, 0.3)), decodes=((1, 0.0),))
    harness = SchedulerHarness(CostTable((no_gain,)))
    for _ in range(4):
        harness.add()

    assert len(harness.turn()) == 1
