"""Estimates of when images are finished."""

from __future__ import annotations

from tests.harness.engine.scheduler_harness import SchedulerHarness
from tests.harness.engine.worker_harness import CALL_S


def test_the_eta_counts_the_work_that_goes_before() -> None:
    harness = SchedulerHarness()
    first, second = harness.add(steps=4, virtual_deadline_s=1.0), harness.add(steps=4, virtual_deadline_s=2.0)
    third = harness.add(steps=8, virtual_deadline_s=3.0)
    harness.turn()
    etas_s = harness.scheduler.etas_s([first, second, third])

    assert etas_s[first] == 3 * CALL_S
    assert etas_s[first] <= etas_s[second] <= etas_s[third]
    harness.run()
    assert abs(etas_s[third] + CALL_S - harness.now_s) <= 0.25 * harness.now_s
