"""The bundled model is a small, ordinary Stable Diffusion folder that draws what its prompts ask for."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from diffusers import DPMSolverMultistepScheduler, StableDiffusionPipeline

from pipelines.checkpoints.loader import bundled_model_path
from pipelines.families.latent_diffusion.pipeline import LatentDiffusion
from pipelines.interface import RgbImage
from pipelines.training.evaluation.image_grader import matches, read_scene
from pipelines.training.evaluation.scores import CATEGORIES, default_params, evaluation_specs, render, to_pixels
from pipelines.training.scenes import domain
from pipelines.training.scenes.captions import Mention, PromptSpec, plain_prompt
from tests.harness.models import tiny_model


@pytest.fixture(scope="module")
def bundled() -> LatentDiffusion:
    return tiny_model.load(bundled_model_path())


def test_it_is_under_40_mb() -> None:
    assert sum(file.stat().st_size for file in bundled_model_path().rglob("*") if file.is_file()) < 40e6


def test_its_configuration_does_not_name_the_folder_that_it_was_trained_in() -> None:
    configs = [file.read_text() for file in bundled_model_path().rglob("*.json")]

    assert not any("_name_or_path" in config for config in configs)


def test_it_is_served_at_the_sizes_that_it_was_trained_for(bundled: LatentDiffusion) -> None:
    assert bundled.info.sizes == domain.SIZES


def test_diffusers_loads_it_and_draws_the_same_image(bundled: LatentDiffusion) -> None:
    theirs = StableDiffusionPipeline.from_pretrained(bundled_model_path(), local_files_only=True)
    theirs.set_progress_bar_config(disable=True)
    theirs.scheduler = DPMSolverMultistepScheduler.from_config(theirs.scheduler.config)
    width, height = domain.SIZES[0]
    asked = default_params(bundled, "a red circle on a white background", seed=7, width=width, height=height)
    # Without noise between the steps, which diffusers draws from the generator of the first latents.
    wanted = replace(asked, sampler="dpm++_2m")
    image = theirs(
        wanted.prompt,
        width=wanted.width,
        height=wanted.height,
        num_inference_steps=wanted.steps,
        guidance_scale=wanted.guidance_scale,
        generator=torch.Generator("cpu").manual_seed(wanted.seed),
    ).images[0]
    (ours,) = render(bundled, [wanted])
    expected = RgbImage(image.width, image.height, image.tobytes())
    difference = abs(to_pixels(ours).astype(int) - to_pixels(expected).astype(int))
    assert difference.max() <= 1


PLAIN_SPECS = [
    PromptSpec((Mention("circle", "red"),), background="white"),
    PromptSpec((Mention("heart", "green"),), background="black"),
    PromptSpec((Mention("square", "blue"),), background="yellow"),
    PromptSpec((Mention("star", "yellow"),), background="gray"),
    PromptSpec((Mention("diamond", "purple"),), background="green"),
    PromptSpec((Mention("ring", "orange"),), background="blue"),
    PromptSpec((Mention("triangle", "blue"),), background="pink"),
    PromptSpec((Mention("cross", "black"),), background="white"),
]


def missed(bundled: LatentDiffusion, wanted: list[PromptSpec], size: tuple[int, int]) -> list[str]:
    width, height = size
    params = [
        default_params(bundled, plain_prompt(spec), seed=seed, width=width, height=height)
        for seed, spec in enumerate(wanted)
    ]
    scenes = [read_scene(to_pixels(image)) for image in render(bundled, params)]
    return [plain_prompt(spec) for spec, scene in zip(wanted, scenes, strict=True) if not matches(scene, spec)]


@pytest.mark.parametrize("size", domain.SIZES, ids=str)
def test_it_draws_plain_prompts(bundled: LatentDiffusion, size: tuple[int, int]) -> None:
    failed = missed(bundled, PLAIN_SPECS, size)
    assert len(failed) <= 1, failed


@pytest.mark.parametrize(("size", "per_category"), list(zip(domain.SIZES, (6, 2, 2), strict=True)), ids=str)
def test_it_draws_most_prompts_of_every_category(
    bundled: LatentDiffusion, size: tuple[int, int], per_category: int
) -> None:
    wanted = [spec for category in CATEGORIES for spec in evaluation_specs(category, per_category)]
    failed = missed(bundled, wanted, size)
    assert len(failed) <= len(wanted) / 4, failed
