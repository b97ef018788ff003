"""Images of a mixed batch equal those that diffusers' own StableDiffusionXLPipeline makes alone.

Latents agree to the tolerance of their norm, in float32 on the CPU.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from pipelines.families.latent_diffusion.pipeline import LatentDiffusion
from pipelines.params import GenerationParams
from pipelines.sampling.samplers import SAMPLERS
from tests.harness.models import diffusers_reference, tiny_model
from tests.harness.models.denoising import finish_joined
from tests.harness.models.diffusers_reference import distance, distances, latents

TOLERANCE = 3e-5
"""The ancestral DPM2 of diffusers rounds to 1.3e-5."""

PARAMS = GenerationParams(
    prompt="a red fox",
    negative_prompt="blur",
    width=64,
    height=64,
    steps=4,
    guidance_scale=7.5,
    seed=1,
    sampler="euler",
)
IMAGES = [
    PARAMS,
    replace(PARAMS, prompt="two cars", negative_prompt=None, steps=3, guidance_scale=5.0, seed=2),
    replace(PARAMS, prompt="", negative_prompt="", steps=5, guidance_rescale=0.7, seed=3),
    replace(PARAMS, negative_prompt=None, steps=2, guidance_scale=1.0, original_size=(512, 768), crop=(10, 20), seed=4),
    replace(PARAMS, prompt="z " * 90, negative_prompt="q" * 99, steps=1, target_size=(1024, 896), seed=5),
]


@pytest.fixture(scope="module")
def base(zoo: Callable[[str], Path]) -> LatentDiffusion:
    return tiny_model.load(zoo("sdxl"))


@pytest.fixture(scope="module")
def reference(zoo: Callable[[str], Path]) -> Any:
    return diffusers_reference.load(zoo("sdxl"))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_matches_diffusers(base: LatentDiffusion, reference: Any, sampler: str) -> None:
    assert max(distances(base, reference, sampler, images=IMAGES)) < TOLERANCE


@pytest.mark.parametrize("kind", ["sdxl", "ssd_1b", "sdxl_turbo", "sdxl_lightning"])
def test_each_kind_matches_diffusers_with_its_own_scheduler(zoo: Callable[[str], Path], kind: str) -> None:
    ours, theirs = tiny_model.load(zoo(kind)), diffusers_reference.load(zoo(kind))
    images = [replace(params, sampler=ours.info.default_sampler) for params in IMAGES]

    made = finish_joined(ours, images)

    for state, params in zip(made, images, strict=True):
        assert distance(state.latents, latents(theirs, params)) < TOLERANCE


def test_a_model_without_terminal_signal_matches_diffusers_in_twice_the_precision(zoo: Callable[[str], Path]) -> None:
    """In float32, the steps of diffusers lose four digits between sigmas of 4096 and of 15."""
    ours, theirs = tiny_model.load(zoo("noobai")), diffusers_reference.load(zoo("noobai"), dtype=torch.float64)

    made = finish_joined(ours, IMAGES)

    for state, params in zip(made, IMAGES, strict=True):
        generator = torch.Generator("cpu").manual_seed(params.seed)
        noise = torch.randn(1, 4, 8, 8, generator=generator).double()
        assert distance(state.latents, latents(theirs, params, latents=noise)) < TOLERANCE


@pytest.mark.parametrize(("width", "height"), [(96, 64), (32, 128)])
def test_an_image_that_is_not_square_matches_diffusers(
    base: LatentDiffusion, reference: Any, width: int, height: int
) -> None:
    images = [replace(params, width=width, height=height) for params in IMAGES]

    assert max(distances(base, reference, "euler", images=images)) < TOLERANCE


@pytest.mark.parametrize(
    "change",
    [
        {"negative_prompt": ""},
        {"original_size": (512, 768)},
        {"original_size": (768, 512)},
        {"crop": (0, 20)},
        {"crop": (20, 0)},
        {"target_size": (96, 64)},
        {"guidance_rescale": 0.7},
    ],
    ids=str,
)
def test_each_input_changes_the_image(base: LatentDiffusion, change: dict[str, Any]) -> None:
    plain = replace(PARAMS, negative_prompt=None)

    one, other = finish_joined(base, [plain, replace(plain, **change)])

    assert distance(one.latents, other.latents) > 100 * TOLERANCE


def test_an_image_pretends_to_have_been_made_at_its_own_size(base: LatentDiffusion) -> None:
    plain = replace(PARAMS, width=96)

    one, other = finish_joined(base, [plain, replace(plain, original_size=(96, 64), target_size=(96, 64))])

    assert distance(one.latents, other.latents) < TOLERANCE


def test_a_base_model_in_an_index_for_image_to_image_is_served_as_the_base_model(
    zoo: Callable[[str], Path], base: LatentDiffusion, tmp_path: Path
) -> None:
    folder = tiny_model.copy(zoo("sdxl"), tmp_path / "sdxl")
    tiny_model.edit_json(folder / "model_index.json", _class_name="StableDiffusionXLImg2ImgPipeline")

    ours, expected = (finish_joined(pipeline, [PARAMS])[0].latents for pipeline in (tiny_model.load(folder), base))

    assert torch.equal(ours, expected)
