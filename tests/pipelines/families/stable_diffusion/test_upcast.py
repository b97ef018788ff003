"""Images whose numbers went wrong, and the same images made again in a wider dtype."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from pipelines.checkpoints import loader
from pipelines.errors import BlackImageError, InvalidParamsError, NonFiniteError
from pipelines.families.stable_diffusion.pipeline import LatentDiffusion
from pipelines.families.stable_diffusion.state import LatentState
from pipelines.interface import UPCAST
from pipelines.params import GenerationParams
from tests.harness import tiny_model

PARAMS = GenerationParams(
    prompt="a red fox", negative_prompt="fog", width=64, height=64, steps=3, guidance_scale=5.0, seed=3, sampler="ddim"
)
OVERFLOW = 3e5
"""Beyond float16's 65,504. The group norms behind the first convolution bring it back to one in any wider dtype."""


@pytest.fixture(scope="module")
def hot_folder(model_folder: Path) -> Path:
    """A model whose UNet overflows float16. All weights are numbers of float16, so that it is the same in any dtype."""
    folder = tiny_model.copy(model_folder, model_folder.with_name("tiny-hot"))
    for path in folder.glob("*/*.safetensors"):
        weights = load_file(path)
        if path.parent.name == "unet":
            weights["conv_in.weight"] *= 6e4 / weights["conv_in.weight"].abs().max()
            weights["conv_in.bias"] += 6e4 - weights["conv_in.bias"].abs().max()
        save_file({name: weight.half().float() for name, weight in weights.items()}, path, {"format": "pt"})
    return folder


@pytest.fixture(scope="module")
def half_pipeline(hot_folder: Path) -> LatentDiffusion:
    return loader.load(str(hot_folder), device="cpu", dtype="float16")


@pytest.fixture
def pipeline(model_folder: Path) -> LatentDiffusion:
    """One whose weights a test may write to."""
    return loader.load(str(model_folder), device="cpu")


def begin(pipeline: LatentDiffusion, params: GenerationParams = PARAMS) -> LatentState:
    return pipeline.begin(params, pipeline.encode(params.texts))


def finish(pipeline: LatentDiffusion, state: LatentState) -> bytes:
    while state.next_call:
        (output,) = pipeline.predict([state])
        pipeline.advance(state, output)
    return pipeline.decode([state])[0].pixels


def largest_difference(one: bytes, other: bytes) -> int:
    return max(abs(a - b) for a, b in zip(one, other, strict=True))


def paint_all(state: LatentState, value: float) -> None:
    """Make the state's autoencoder answer everything with that value, in -1 to 1."""
    last = state.networks.vae.decoder.conv_out
    last.weight.zero_()
    last.bias.fill_(value)


def test_an_image_that_overflows_in_half_is_what_float32_makes_of_it_when_made_again_precisely(
    hot_folder: Path, half_pipeline: LatentDiffusion
) -> None:
    spoiled = begin(half_pipeline)
    (output,) = half_pipeline.predict([spoiled])
    with pytest.raises(NonFiniteError):
        half_pipeline.advance(spoiled, output)

    again = half_pipeline.begin_upcast(PARAMS)

    wide = loader.load(str(hot_folder), device="cpu", dtype="float32")
    assert largest_difference(finish(half_pipeline, again), finish(wide, begin(wide))) <= 1
    torch.testing.assert_close(again.latents, finished_latents(wide), rtol=1e-4, atol=1e-4)


def finished_latents(pipeline: LatentDiffusion) -> torch.Tensor:
    state = begin(pipeline)
    finish(pipeline, state)
    return state.latents


def test_a_precise_image_shares_calls_with_its_like_alone(pipeline: LatentDiffusion) -> None:
    plain, upcast = begin(pipeline).next_call, pipeline.begin_upcast(PARAMS).next_call

    assert plain is not None
    assert upcast is not None
    assert upcast.key == plain.key._replace(phase=UPCAST)
    assert (upcast.rows, upcast.calls_left) == (plain.rows, plain.calls_left)


def test_precise_and_other_images_may_be_decoded_together(pipeline: LatentDiffusion) -> None:
    states = [begin(pipeline), pipeline.begin_upcast(PARAMS), begin(pipeline)]
    paint_all(states[0], -0.5)
    paint_all(states[1], 0.5)

    rgb_images = pipeline.decode(states)

    assert [rgb_image.pixels[0] for rgb_image in rgb_images] == [64, 191, 64]


def test_the_wider_weights_are_shared_by_precise_images_and_go_with_the_last(pipeline: LatentDiffusion) -> None:
    first, second = pipeline.begin_upcast(PARAMS), pipeline.begin_upcast(PARAMS)
    assert first.networks is second.networks
    assert first.networks.dtype is torch.float64
    weight = weakref.ref(first.networks.unet.conv_in.weight)

    del first
    assert weight() is not None
    del second
    gc.collect()

    assert weight() is None
    assert begin(pipeline).networks.dtype is torch.float32


def test_params_beyond_the_model_are_refused_before_anything_is_widened(pipeline: LatentDiffusion) -> None:
    with pytest.raises(InvalidParamsError):
        pipeline.begin_upcast(replace(PARAMS, width=60))


def test_black_images_are_named_by_their_place(pipeline: LatentDiffusion) -> None:
    states = [begin(pipeline), pipeline.begin_upcast(PARAMS), begin(pipeline)]
    paint_all(states[0], -1.0)
    paint_all(states[1], 0.5)

    with pytest.raises(BlackImageError) as fault:
        pipeline.decode(states)

    assert fault.value.positions == (0, 2)


def test_an_image_that_is_nearly_black_passes(pipeline: LatentDiffusion) -> None:
    state = begin(pipeline)
    paint_all(state, -1.0)
    state.networks.vae.decoder.conv_out.bias[2] = -1 + 2 / 255

    (rgb_image,) = pipeline.decode([state])

    assert rgb_image.pixels == bytes([0, 0, 1]) * (64 * 64)
