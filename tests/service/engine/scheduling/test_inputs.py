"""Images that start from others, and those that are denoised twice, keep every promise of the scheduler."""

from __future__ import annotations

import random
from typing import Any

import pytest

from pipelines.interface import UPSCALE, Stage
from service.engine.scheduling.forecast import min_remaining_s
from tests.harness.engine.scheduler_harness import SchedulerHarness
from tests.harness.engine.uploads import DECODED, ENLARGED, IMAGE, MASK
from tests.harness.engine.worker_harness import make_costs

STARTS: list[dict[str, Any]] = [
    {},
    {"image": IMAGE, "strength": 0.5},
    {"image": IMAGE, "mask": MASK},
    {"hires": ENLARGED, "width": 96},
    {"hires": DECODED, "width": 96},
]
SIZES = [(width, 64) for width in (64, 96, 128)]
COSTS = make_costs(
    {size: {1: 0.1, 5: 0.2} for size in SIZES},
    {size: {1: 0.05, 2: 0.08} for size in SIZES},
    {1: 0.01, 4: 0.02},
    {size: {1: 0.04, 2: 0.06} for size in SIZES},
)


def test_the_call_before_the_first_unet_call_encodes_texts_then_what_the_image_starts_from() -> None:
    harness = SchedulerHarness(knows_texts=False)
    harness.add(image=IMAGE)
    harness.run()

    assert [batch.key.stage for batch in harness.made[:3]] == [Stage.TEXT, Stage.INPUT, Stage.DENOISE]


def test_only_images_of_the_next_call_have_their_inputs_encoded() -> None:
    harness = SchedulerHarness()
    for _ in range(9):
        harness.add(image=IMAGE)
    harness.turn()

    encoded = [image for image in harness.open if image.encoded is not None]
    begun = [image for image in harness.open if image.state is not None]
    assert encoded == begun
    assert begun


def test_an_image_between_two_passes_knows_its_work_to_come() -> None:
    harness = SchedulerHarness()
    image = harness.add(steps=1, width=96, hires=DECODED)
    assert [call.key.stage for call in image.later_calls] == [Stage.INPUT, Stage.DENOISE, Stage.DECODE]

    harness.turn()
    assert image.target.key.phase == UPSCALE
    assert [call.key.stage for call in image.calls_to_come] == [Stage.INPUT, Stage.DENOISE, Stage.DECODE]

    harness.play()
    assert (image.target.cost.width, image.target.calls_left) == (96, 2)
    assert [call.key.stage for call in image.calls_to_come] == [Stage.DENOISE, Stage.DECODE]


@pytest.mark.parametrize("start", STARTS, ids=str)
def test_an_image_alone_takes_the_seconds_that_were_foretold(start: dict[str, Any]) -> None:
    harness = SchedulerHarness(COSTS, knows_texts=False)
    image = harness.add(steps=6, virtual_deadline_s=100.0, **start)
    foretold_s = min_remaining_s(image, harness.cost)
    (eta_s,) = harness.scheduler.etas_s(0.0).values()
    harness.run()

    assert image.solo_s == pytest.approx(foretold_s)
    assert eta_s == pytest.approx(foretold_s)
    assert harness.now_s == pytest.approx(foretold_s)


@pytest.mark.parametrize("seed", range(6))
def test_in_any_mixture_every_image_ends_once_and_nothing_leaks(seed: int) -> None:
    dice = random.Random(seed)
    harness = SchedulerHarness(COSTS, knows_texts=False, max_state_bytes=6)
    for _ in range(40):
        start = dice.choice(STARTS)
        harness.add(
            steps=dice.randint(2, 6),
            guidance_scale=dice.choice([1.0, 4.0]),
            virtual_deadline_s=dice.uniform(0.1, 9.0),
            tenant=dice.choice("ab"),
            state_bytes=1,
            **{"width": dice.choice([64, 96]), **start},
        )
        for _ in range(dice.randint(0, 4)):
            harness.play()
            harness.scheduler.check_integrity()
        if dice.random() < 0.1 and harness.open:
            harness.end(dice.choice(harness.open))
    harness.run()

    assert harness.ended.total() == 40
    assert harness.scheduler.idle
    harness.scheduler.check_integrity()


@pytest.mark.parametrize("seed", range(3))
def test_estimates_of_a_mixture_are_near_its_real_ends(seed: int) -> None:
    dice = random.Random(seed)
    harness = SchedulerHarness(COSTS, knows_texts=False)
    for _ in range(8):
        harness.add(steps=dice.randint(2, 6), virtual_deadline_s=100.0 + dice.random(), **dice.choice(STARTS))
    etas_s = harness.scheduler.etas_s(0.0)
    harness.run()

    assert max(etas_s.values()) == pytest.approx(harness.now_s, rel=0.25)
