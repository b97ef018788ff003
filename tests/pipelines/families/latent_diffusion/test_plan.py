"""A real image keeps to its plan, and holds no more memory than was planned."""

from __future__ import annotations

import gc
from dataclasses import replace

import pytest
import torch

from pipelines.families.latent_diffusion.pipeline import LatentDiffusion
from pipelines.interface import finish_or_raise
from pipelines.sampling.samplers import SAMPLERS
from tests.harness.engine.worker_harness import make_params
from tests.harness.work_plans import assert_keeps_to_its_plan

PARAMS = make_params(steps=3)


@pytest.mark.parametrize("guidance_scale", [1.0, 4.0])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_real_image_keeps_to_its_plan(pipeline: LatentDiffusion, sampler: str, guidance_scale: float) -> None:
    assert_keeps_to_its_plan(pipeline, replace(PARAMS, sampler=sampler, guidance_scale=guidance_scale))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_state_holds_no_more_bytes_than_planned(pipeline: LatentDiffusion, sampler: str) -> None:
    params = replace(PARAMS, sampler=sampler, width=96)
    conditionings = pipeline.encode(pipeline.texts(params))
    pipeline.begin(params, conditionings)  # makes what all images of the sampler share
    before = held_bytes()
    state = pipeline.begin(params, conditionings)
    while state.next_call is not None:
        finish_or_raise(pipeline.advance([state], pipeline.predict([state])))
        assert held_bytes() - before <= pipeline.plan(params).state_bytes


def held_bytes() -> int:
    """Returns the bytes of all image-shaped tensors of this process, each storage once."""
    # `isinstance` would ask every object of the process for its `__class__`, which warns for some.
    tensors = [each for each in gc.get_objects() if type(each) is torch.Tensor and each.dim() >= 3]
    return sum({each.untyped_storage().data_ptr(): each.untyped_storage().nbytes() for each in tensors}.values())
