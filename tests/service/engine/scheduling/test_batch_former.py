"""The batch former chooses the images that share a UNet call."""

from __future__ import annotations

from tests.harness.engine.scheduler_harness import SchedulerHarness
from tests.harness.engine.worker_harness import make_costs


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


STEEP = make_costs({(64, 64): {1: 0.1, 2: 0.1, 4: 0.15}}, {(64, 64): {1: 0.0}}, {1: 0.0})
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
    no_gain = make_costs({(64, 64): {1: 0.1, 2: 0.15, 4: 0.3}}, {(64, 64): {1: 0.0}}, {1: 0.0})
    harness = SchedulerHarness(no_gain)
    for _ in range(4):
        harness.add()

    assert len(harness.turn()) == 1


def test_rows_that_would_be_padding_are_filled_with_images() -> None:
    harness = SchedulerHarness(STEEP, padded_to=4)
    urgent = harness.add(virtual_deadline_s=0.65)
    relaxed = harness.add(virtual_deadline_s=9.0)

    assert harness.turn() == [urgent, relaxed], "the call takes as long with the second image as without it"


def test_the_time_for_a_newcomers_texts_counts_against_the_slack_of_the_others() -> None:
    slow_texts = make_costs({(64, 64): {1: 0.1, 4: 0.1}}, {(64, 64): {1: 0.0}}, {1: 0.2, 2: 0.2})
    harness = SchedulerHarness(slow_texts, knows_texts=False)
    urgent = harness.add(steps=4, virtual_deadline_s=0.7)
    harness.turn()
    newcomer = harness.add(steps=4, virtual_deadline_s=9.0)

    assert harness.turn() == [urgent]
    assert newcomer.text_call is not None
