"""An image whose decoder overflowed is decoded again in a wider dtype, without being denoised again."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from pipelines.errors import NonFiniteError
from pipelines.families.latent_diffusion.pipeline import LatentDiffusion
from pipelines.families.latent_diffusion.state import LatentState
from pipelines.params import GenerationParams
from pipelines.runtime.modes import RunMode
from tests.harness.models import tiny_model
from tests.harness.models.tiny_model import begin

PARAMS = GenerationParams(prompt="a red fox", width=64, height=64, steps=1, guidance_scale=1.0, seed=3, sampler="ddim")


@pytest.fixture(scope="module")
def hot_folder(model_folder: Path) -> Path:
    """A model whose decoder overflows float16. Each weight is exact in float16, so the model is equal in any dtype."""
    folder = tiny_model.copy(model_folder, model_folder.with_name("tiny-hot-vae"))
    tiny_model.edit_json(folder / "vae" / "config.json", force_upcast=False)
    # A preview is not fitted to a decoder that overflows.
    tiny_model.write_json(folder / "darkroom.json", {"preview": [[0, 0, 0]] * 5})
    for path in folder.glob("*/*.safetensors"):
        weights = load_file(path)
        if path.parent.name == "vae":
            weights["decoder.conv_in.weight"] *= 6e4 / weights["decoder.conv_in.weight"].abs().max()
            weights["decoder.conv_in.bias"] += 6e4 - weights["decoder.conv_in.bias"].abs().max()
        save_file({name: weight.half().float() for name, weight in weights.items()}, path, {"format": "pt"})
    return folder


@pytest.fixture
def pipeline(hot_folder: Path) -> LatentDiffusion:
    return tiny_model.load(hot_folder, dtype="float16")


def new_state(pipeline: LatentDiffusion, seed: int) -> LatentState:
    return begin(pipeline, replace(PARAMS, seed=seed))


def set_latents(state: LatentState, latents: Tensor) -> None:
    state.run.slots = torch.cat([latents, state.run.slots[1:]])


def overflows(pipeline: LatentDiffusion, state: LatentState) -> bool:
    try:
        pipeline.decode([state])
    except NonFiniteError:
        return True
    return False


def test_the_same_latents_are_decoded_as_float32_decodes_them(pipeline: LatentDiffusion, hot_folder: Path) -> None:
    state, other = new_state(pipeline, 1), new_state(tiny_model.load(hot_folder), 1)
    assert overflows(pipeline, state)

    (image,) = pipeline.start_decode([state], wide=True).finish()

    set_latents(other, state.latents)
    (expected,) = tiny_model.load(hot_folder).decode([other])
    assert image == expected


def test_after_two_saved_images_every_decode_is_wide_and_the_log_says_so_once(
    pipeline: LatentDiffusion, caplog: pytest.LogCaptureFixture
) -> None:
    states = [new_state(pipeline, seed) for seed in range(4)]
    with caplog.at_level(logging.WARNING, logger="pipelines"):
        pipeline.start_decode(states[:1], wide=True).finish()
        assert overflows(pipeline, states[1])
        pipeline.start_decode(states[1:2], wide=True).finish()
        for state in states:
            assert not overflows(pipeline, state)
        pipeline.start_decode(states, wide=True).finish()

    (line,) = [record.getMessage() for record in caplog.records if record.name.startswith("pipelines")]
    assert "overflows in float16" in line


def test_images_that_fail_in_the_wider_dtype_too_change_nothing(pipeline: LatentDiffusion) -> None:
    states = [new_state(pipeline, seed) for seed in range(2)]
    for state in states:
        set_latents(state, torch.full_like(state.latents, float("nan")))

    for _ in range(2):
        with pytest.raises(NonFiniteError):
            pipeline.start_decode(states, wide=True).finish()

    assert overflows(pipeline, new_state(pipeline, 5))


def test_in_exact_mode_an_image_does_not_depend_on_the_decodes_before_it(hot_folder: Path) -> None:
    pipeline = tiny_model.load(hot_folder, dtype="float16", mode=RunMode(exact=True, max_rows=2, max_decode=2))
    states = [new_state(pipeline, seed) for seed in range(3)]

    pipeline.start_decode(states, wide=True).finish()

    assert overflows(pipeline, states[0])


def test_an_upcast_image_is_decoded_by_its_own_networks(pipeline: LatentDiffusion) -> None:
    state = pipeline.begin_upcast(PARAMS)

    assert pipeline.start_decode([state], wide=True).finish() == pipeline.decode([state])
    assert state.networks.decoder._half._wide_vae is None
