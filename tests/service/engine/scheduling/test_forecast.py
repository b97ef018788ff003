"""Estimates of when images are finished: exact where nothing arrives and costs are known."""

from __future__ import annotations

import random

import pytest

from tests.harness.engine.scheduler_harness import SchedulerHarness


def assert_exact(harness: SchedulerHarness, tolerance: float) -> None:
    """Asserts that each image ends when it was expected to, to a fraction of the time."""
    start_s, etas_s = harness.now_s, harness.scheduler.etas_s(harness.now_s)
    assert etas_s.keys() == {image.id for image in harness.open}
    while harness.open:
        before = {image.id for image in harness.open}
        harness.play()
        for image_id in before - {image.id for image in harness.open}:
            assert etas_s[image_id] == pytest.approx(harness.now_s - start_s, rel=tolerance)


def test_the_end_of_a_batch_is_known() -> None:
    harness = SchedulerHarness()
    for steps in (4, 4, 8):
        harness.add(steps=steps, virtual_deadline_s=float(steps))
    harness.turn()

    assert_exact(harness, tolerance=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_a_mix_of_sizes_steps_and_deadlines_ends_as_expected(seed: int) -> None:
    dice = random.Random(seed)
    harness = SchedulerHarness()
    for _ in range(30):
        harness.add(
            steps=dice.randint(1, 12),
            width=dice.choice([64, 96, 128]),
            guidance_scale=dice.choice([1.0, 4.0]),
            virtual_deadline_s=dice.uniform(0.5, 60.0),
        )
    for _ in range(3):
        harness.turn()

    assert_exact(harness, tolerance=0.15)


def test_texts_that_are_not_known_are_counted() -> None:
    harness = SchedulerHarness(knows_texts=False)
    harness.add(steps=2)

    assert_exact(harness, tolerance=1e-6)


def test_an_image_that_will_be_late_is_expected_behind_the_others() -> None:
    harness = SchedulerHarness()
    hopeless, other = (
        harness.add(steps=8, virtual_deadline_s=0.9),
        harness.add(steps=7, width=96, virtual_deadline_s=3.0),
    )
    etas_s = harness.scheduler.etas_s(0.0)

    assert etas_s[other.id] < etas_s[hopeless.id]


@pytest.mark.parametrize("weight", [1.0, 4.0])
def test_tenants_are_expected_to_take_turns(weight: float) -> None:
    harness = SchedulerHarness(shares={"flood": weight})
    for _ in range(8):
        harness.add(steps=8, virtual_deadline_s=40.0, tenant="flood")
    single = harness.add(steps=8, width=96, virtual_deadline_s=50.0, tenant="single")
    etas_s = harness.scheduler.etas_s(0.0)

    while not harness.ended[single.id]:
        harness.play()
    assert etas_s[single.id] == pytest.approx(harness.now_s, rel=0.25)


def test_images_beyond_those_that_are_played_through_follow_in_order() -> None:
    harness = SchedulerHarness()
    images = [harness.add(virtual_deadline_s=1000.0 + number) for number in range(150)]
    etas_s = harness.scheduler.etas_s(0.0)

    ends_s = [etas_s[image.id] for image in images]
    assert ends_s == sorted(ends_s)
