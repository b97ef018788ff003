"""An image keeps to its plan: it takes the planned calls, keys and rows, and holds no more than the planned bytes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipelines import work_plan
from pipelines.fake import INFO, FakePipeline
from pipelines.interface import UPCAST, Stage, WorkPlan
from pipelines.sampling.samplers import SAMPLERS
from tests.harness.engine.worker_harness import make_params
from tests.harness.work_plans import assert_keeps_to_its_plan

PARAMS = make_params(steps=3)


def by_stage(plan: WorkPlan) -> dict[Stage, tuple[int, int]]:
    """Returns the rows and the calls of each stage."""
    return {call.key.stage: (call.rows, call.calls_left) for call in plan.calls}


def test_a_plan_lists_each_stage_with_its_rows_and_calls() -> None:
    plan = work_plan.plan(INFO, PARAMS)

    assert by_stage(plan) == {Stage.TEXT: (2, 1), Stage.DENOISE: (2, 3), Stage.DECODE: (1, 1)}


def test_an_unguided_image_takes_one_row() -> None:
    plan = work_plan.plan(INFO, replace(PARAMS, guidance_scale=1.0))

    assert by_stage(plan) == {Stage.TEXT: (1, 1), Stage.DENOISE: (1, 3), Stage.DECODE: (1, 1)}


def test_a_text_that_is_also_the_negative_prompt_is_encoded_once() -> None:
    plan = work_plan.plan(INFO, replace(PARAMS, negative_prompt=PARAMS.prompt))

    assert by_stage(plan)[Stage.TEXT] == (1, 1)


def test_texts_of_images_of_different_sizes_may_share_a_call_and_nothing_else_may() -> None:
    one, other = (work_plan.plan(INFO, replace(PARAMS, width=width)) for width in (64, 96))

    assert [a.key == b.key for a, b in zip(one.calls, other.calls, strict=True)] == [True, False, False]
    assert [a.cost == b.cost for a, b in zip(one.calls, other.calls, strict=True)] == [True, False, False]


def test_images_in_higher_precision_share_no_call_with_others_and_cost_something_else() -> None:
    for plain, upcast in (
        (work_plan.denoise_call(INFO, PARAMS, 1), work_plan.denoise_call(INFO, PARAMS, 1, phase=UPCAST)),
        (work_plan.decode_call(INFO, PARAMS), work_plan.decode_call(INFO, PARAMS, phase=UPCAST)),
    ):
        assert upcast.key == plain.key._replace(phase=UPCAST)
        assert upcast.cost == plain.cost._replace(variant=UPCAST)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_fake_image_keeps_to_its_plan(sampler: str) -> None:
    assert_keeps_to_its_plan(FakePipeline(), replace(PARAMS, sampler=sampler))
