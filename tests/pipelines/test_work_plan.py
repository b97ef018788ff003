"""An image keeps to its plan: it takes the planned calls, keys and rows, and holds no more than the planned bytes."""

from __future__ import annotations

import gc
from dataclasses import replace
from typing import Any

import pytest
import torch

from pipelines import work_plan
from pipelines.fake import INFO, FakePipeline
from pipelines.families.stable_diffusion.pipeline import LatentDiffusion
from pipelines.interface import UPCAST, Pipeline, Stage, WorkPlan
from pipelines.params import GenerationParams
from pipelines.sampling.samplers import SAMPLERS
from tests.harness.engine.worker_harness import make_params

PARAMS = make_params(steps=3)


def by_stage(plan: WorkPlan) -> dict[Stage, tuple[int, int]]:
    """Returns the rows and the calls of each stage."""
    return {call.key.stage: (call.rows, call.calls_left) for call in plan.calls}


def assert_keeps_to_its_plan(pipeline: Pipeline[Any, Any, Any], params: GenerationParams) -> None:
    _, denoise, _ = pipeline.plan(params).calls
    state = pipeline.begin(params, pipeline.encode(params.texts))
    for calls_left in range(denoise.calls_left, 0, -1):
        assert state.next_call == replace(denoise, calls_left=calls_left)
        (output,) = pipeline.predict([state])
        pipeline.advance(state, output)
    assert state.next_call is None


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
        (work_plan.denoise_call(INFO, PARAMS, 1), work_plan.denoise_call(INFO, PARAMS, 1, upcast=True)),
        (work_plan.decode_call(INFO, PARAMS), work_plan.decode_call(INFO, PARAMS, upcast=True)),
    ):
        assert upcast.key == plain.key._replace(phase=UPCAST)
        assert upcast.cost == plain.cost._replace(variant=UPCAST)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_fake_image_keeps_to_its_plan(sampler: str) -> None:
    assert_keeps_to_its_plan(FakePipeline(), replace(PARAMS, sampler=sampler))


@pytest.mark.parametrize("guidance_scale", [1.0, 4.0])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_real_image_keeps_to_its_plan(pipeline: LatentDiffusion, sampler: str, guidance_scale: float) -> None:
    assert_keeps_to_its_plan(pipeline, replace(PARAMS, sampler=sampler, guidance_scale=guidance_scale))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_state_holds_no_more_bytes_than_planned(pipeline: LatentDiffusion, sampler: str) -> None:
    params = replace(PARAMS, sampler=sampler, width=96)
    conditionings = pipeline.encode(params.texts)
    before = held_bytes()
    state = pipeline.begin(params, conditionings)
    while state.next_call is not None:
        (output,) = pipeline.predict([state])
        pipeline.advance(state, output)
        del output
        assert held_bytes() - before <= pipeline.plan(params).state_bytes


def held_bytes() -> int:
    """Returns the bytes of all image-shaped tensors of this process, each storage once."""
    # `isinstance` would ask every object of the process for its `__class__`, which warns for some.
    tensors = [each for each in gc.get_objects() if issubclass(type(each), torch.Tensor) and each.dim() >= 3]
    return sum({each.untyped_storage().data_ptr(): each.untyped_storage().nbytes() for each in tensors}.values())
