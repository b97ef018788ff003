"""Images whose numbers overflow can be made again in a wider dtype, in calls of their own."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pipelines.errors import InvalidParamsError, NonFiniteError
from pipelines.families.latent_diffusion.pipeline import LatentDiffusion
from pipelines.families.latent_diffusion.state import LatentState
from pipelines.interface import UPCAST, finish_or_raise
from pipelines.params import GenerationParams
from tests.harness.models import tiny_model
from tests.harness.models.tiny_model import begin

PARAMS = GenerationParams(
    prompt="a red fox", negative_prompt="fog", width=64, height=64, steps=3, guidance_scale=5.0, seed=3, sampler="ddim"
)


@pytest.fixture(scope="module")
def hot_folder(model_folder: Path) -> Path:
    """A model whose UNet overflows float16."""
    return tiny_model.overheat(model_folder, model_folder.with_name("tiny-hot"))


@pytest.fixture(scope="module")
def half_pipeline(hot_folder: Path) -> LatentDiffusion:
    return tiny_model.load(hot_folder, dtype="float16")


@pytest.fixture
def pipeline(model_folder: Path) -> LatentDiffusion:
    """A pipeline whose weights a test may change."""
    return tiny_model.load(model_folder)


def finish(pipeline: LatentDiffusion, state: LatentState) -> bytes:
    while state.next_call:
        finish_or_raise(pipeline.advance([state], pipeline.predict([state])))
    return pipeline.decode([state])[0].pixels


def largest_difference(one: bytes, other: bytes) -> int:
    return max(abs(a - b) for a, b in zip(one, other, strict=True))


def test_an_image_that_overflows_in_float16_is_made_again_as_float32_makes_it(
    hot_folder: Path, half_pipeline: LatentDiffusion
) -> None:
    broken = begin(half_pipeline, PARAMS)
    (error,) = half_pipeline.advance([broken], half_pipeline.predict([broken])).finish()
    assert isinstance(error, NonFiniteError)

    again = half_pipeline.begin_upcast(PARAMS)

    wide = tiny_model.load(hot_folder, dtype="float32")
    assert largest_difference(finish(half_pipeline, again), finish(wide, begin(wide, PARAMS))) <= 1
    torch.testing.assert_close(again.latents, finished_latents(wide), rtol=1e-4, atol=1e-4)


def finished_latents(pipeline: LatentDiffusion) -> torch.Tensor:
    state = begin(pipeline, PARAMS)
    finish(pipeline, state)
    return state.latents


def test_an_upcast_image_shares_calls_only_with_upcast_images(pipeline: LatentDiffusion) -> None:
    plain, upcast = begin(pipeline, PARAMS).next_call, pipeline.begin_upcast(PARAMS).next_call

    assert plain is not None
    assert upcast is not None
    assert upcast.key == plain.key._replace(phase=UPCAST)
    assert (upcast.rows, upcast.calls_left) == (plain.rows, plain.calls_left)


def test_upcast_images_share_the_wider_weights_which_are_freed_with_the_last(pipeline: LatentDiffusion) -> None:
    first, second = pipeline.begin_upcast(PARAMS), pipeline.begin_upcast(PARAMS)
    assert first.networks is second.networks
    assert first.networks.dtype is torch.float64
    weight = weakref.ref(first.networks.unet.conv_in.weight)

    del first
    assert weight() is not None
    del second
    gc.collect()

    assert weight() is None
    assert begin(pipeline, PARAMS).networks.dtype is torch.float32


def test_upcast_params_beyond_the_models_limits_are_refused(pipeline: LatentDiffusion) -> None:
    with pytest.raises(InvalidParamsError):
        pipeline.begin_upcast(replace(PARAMS, width=60))
