"""An image keeps to its plan: it takes the planned calls, keys and rows, and holds no more than the planned bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from pipelines import work_plan
from pipelines.fake import INFO, FakePipeline
from pipelines.interface import UPCAST, UPSCALE, Stage, WorkPlan
from pipelines.sampling.samplers import SAMPLERS
from tests.harness.engine.uploads import DECODED, ENLARGED, IMAGE, MASK
from tests.harness.engine.worker_harness import make_params
from tests.harness.work_plans import assert_keeps_to_its_plan

PARAMS = make_params(steps=3)
STARTS: list[dict[str, Any]] = [
    {},
    {"image": IMAGE, "strength": 0.7},
    {"image": IMAGE, "mask": MASK},
    {"hires": ENLARGED},
    {"hires": DECODED},
]


def by_stage(plan: WorkPlan) -> dict[Stage, tuple[int, int]]:
    """Returns the rows and the calls of each stage."""
    return {call.key.stage: (call.rows, call.calls_left) for call in plan.calls}


def test_a_plan_lists_each_stage_with_its_rows_and_calls() -> None:
    plan = work_plan.plan(INFO, PARAMS)

    assert by_stage(plan) == {Stage.TEXT: (2, 1), Stage.DENOISE: (2, 3), Stage.DECODE: (1, 1)}


def test_an_unguided_image_takes_one_row() -> None:
    plan = work_plan.plan(INFO, replace(PARAMS, guidance_scale=1.0))

    assert by_stage(plan) == {Stage.TEXT: (1, 1), Stage.DENOISE: (1, 3), Stage.DECODE: (1, 1)}


def texts(*, zeros: bool = False, **changes: Any) -> list[str | None]:
    keys = work_plan.texts(replace(INFO, zeros_without_negative=zeros), replace(PARAMS, prompt="a fox", **changes))
    assert {key.model for key in keys} == {INFO.name}
    return [key.text for key in keys]


def test_a_guided_image_needs_its_negative_prompt_and_then_its_prompt() -> None:
    assert texts(negative_prompt="fog") == ["fog", "a fox"]
    assert texts(negative_prompt="") == ["", "a fox"]


def test_without_a_negative_prompt_it_needs_the_empty_text_or_none_as_the_model_wants_it() -> None:
    assert texts(negative_prompt=None) == ["", "a fox"]
    assert texts(negative_prompt=None, zeros=True) == [None, "a fox"]
    assert texts(negative_prompt="", zeros=True) == ["", "a fox"]


def test_an_unguided_image_needs_its_prompt_alone() -> None:
    assert texts(negative_prompt="fog", guidance_scale=1.0) == ["a fox"]


def test_a_text_that_is_also_the_negative_prompt_is_encoded_once() -> None:
    plan = work_plan.plan(INFO, replace(PARAMS, negative_prompt=PARAMS.prompt))

    assert by_stage(plan)[Stage.TEXT] == (1, 1)


def test_texts_of_images_of_different_sizes_may_share_a_call_and_nothing_else_may() -> None:
    one, other = (work_plan.plan(INFO, replace(PARAMS, width=width)) for width in (64, 96))

    assert [a.key == b.key for a, b in zip(one.calls, other.calls, strict=True)] == [True, False, False]
    assert [a.cost == b.cost for a, b in zip(one.calls, other.calls, strict=True)] == [True, False, False]


def test_images_in_higher_precision_share_no_call_with_others_and_cost_something_else() -> None:
    plans = (work_plan.plan(INFO, PARAMS), work_plan.plan(INFO, PARAMS, upcast=True))
    for plain, upcast in list(zip(*(plan.calls for plan in plans), strict=True))[1:]:
        assert upcast.key == plain.key._replace(phase=UPCAST)
        assert upcast.cost == plain.cost._replace(variant=UPCAST)


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("start", STARTS, ids=str)
def test_a_fake_image_keeps_to_its_plan(sampler: str, start: Mapping[str, Any]) -> None:
    assert_keeps_to_its_plan(FakePipeline(), replace(PARAMS, sampler=sampler, width=96, **start))


def test_a_fake_edit_keeps_to_its_plan() -> None:
    edits = FakePipeline(info=replace(INFO, reads_image=True, input_kinds=("image",)))

    assert_keeps_to_its_plan(edits, replace(PARAMS, image=IMAGE, image_guidance_scale=1.5))


def test_an_image_that_starts_from_another_makes_fewer_calls_and_holds_more() -> None:
    plain, plan = (work_plan.plan(INFO, params) for params in (PARAMS, replace(PARAMS, image=IMAGE, strength=0.7)))

    assert [call.key.stage for call in plan.calls] == [Stage.TEXT, Stage.INPUT, Stage.DENOISE, Stage.DECODE]
    assert by_stage(plan)[Stage.INPUT] == (1, 1)
    assert (by_stage(plan)[Stage.DENOISE], plan.steps) == ((2, 2), 2)
    assert plan.state_bytes > plain.state_bytes


def test_a_unet_that_reads_what_a_mask_keeps_has_two_images_encoded() -> None:
    params = replace(PARAMS, image=IMAGE, mask=MASK)

    assert by_stage(work_plan.plan(INFO, params))[Stage.INPUT] == (1, 1)
    assert by_stage(work_plan.plan(replace(INFO, reads_kept=True), params))[Stage.INPUT] == (2, 1)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"image_guidance_scale": 1.5}, ["fog", "fog", "a fox"]),
        ({"image_guidance_scale": 1.0}, ["fog", "a fox"]),
        ({"image_guidance_scale": 1.5, "guidance_scale": 1.0}, ["a fox"]),
    ],
)
def test_an_edit_has_a_row_for_each_guidance(changes: dict[str, Any], expected: list[str]) -> None:
    info = replace(INFO, reads_image=True)
    params = replace(PARAMS, prompt="a fox", negative_prompt="fog", image=IMAGE, **changes)
    plan = work_plan.plan(info, params)

    assert [key.text for key in work_plan.texts(info, params)] == expected
    assert by_stage(plan)[Stage.DENOISE] == (len(expected), params.steps)
    assert by_stage(plan)[Stage.TEXT] == (len(set(expected)), 1)
    assert len(work_plan.texts(replace(info, embeds_guidance=True), params)) == 1


def test_an_edit_of_three_rows_holds_more_than_one_of_two() -> None:
    info = replace(INFO, reads_image=True)
    three, two = (replace(PARAMS, image=IMAGE, image_guidance_scale=scale) for scale in (2.0, 1.0))

    assert work_plan.plan(info, three).state_bytes > work_plan.plan(info, two).state_bytes


def test_a_model_that_makes_no_edits_has_no_row_without_the_image() -> None:
    assert len(work_plan.texts(INFO, replace(PARAMS, image=IMAGE, image_guidance_scale=1.5))) == 2


def test_a_hires_fix_has_two_passes_of_different_sizes() -> None:
    params = replace(PARAMS, width=96, height=64, hires=DECODED)
    plan = work_plan.plan(INFO, params)

    assert [(call.key.stage, call.cost.width, call.cost.variant, call.calls_left) for call in plan.calls[1:]] == [
        (Stage.DENOISE, 64, "", 3),
        (Stage.INPUT, 96, UPSCALE, 1),
        (Stage.DENOISE, 96, "", 2),
        (Stage.DECODE, 96, "", 1),
    ]
    assert plan.steps == 5
    assert len({call.key for call in plan.calls}) == len(plan.calls)
