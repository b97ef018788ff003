"""The bundled model is a small, ordinary Stable Diffusion folder that draws what its prompts ask for."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from diffusers import DPMSolverMultistepScheduler, StableDiffusionPipeline

from pipelines.checkpoints.loader import bundled_model_path
from pipelines.families.stable_diffusion.pipeline import LatentDiffusion
from pipelines.interface import RgbImage
from pipelines.training.evaluation.image_grader import read, shows
from pipelines.training.evaluation.scores import CATEGORIES, asks, pixels_of, render, served
from pipelines.training.scenes import world
from pipelines.training.scenes.captions import Ask, Mention, plain_words
from tests.harness import tiny_model


@pytest.fixture(scope="module")
def bundled() -> LatentDiffusion:
    return tiny_model.load(bundled_model_path())


def test_it_is_under_40_mb() -> None:
    assert sum(file.stat().st_size for file in bundled_model_path().rglob("*") if file.is_file()) < 40e6


def test_its_configuration_does_not_name_the_folder_that_it_was_trained_in() -> None:
    configs = [file.read_text() for file in bundled_model_path().rglob("*.json")]

    assert not any("_name_or_path" in config for config in configs)


def test_it_is_served_at_the_sizes_that_it_was_trained_for(bundled: LatentDiffusion) -> None:
    assert bundled.info.sizes == world.SIZES


def test_diffusers_loads_it_and_draws_the_same_image(bundled: LatentDiffusion) -> None:
    theirs = StableDiffusionPipeline.from_pretrained(bundled_model_path(), local_files_only=True)
    theirs.set_progress_bar_config(disable=True)
    theirs.scheduler = DPMSolverMultistepScheduler.from_config(theirs.scheduler.config)
    width, height = world.SIZES[0]
    asked = served(bundled, "a red circle on a white background", seed=7, width=width, height=height)
    # A sampler that draws no noise between steps: diffusers would draw it from the generator of the initial noise.
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
    difference = abs(pixels_of(ours).astype(int) - pixels_of(expected).astype(int))
    assert difference.max() <= 1


PLAIN_ASKS = [
    Ask((Mention("circle", "red"),), background="white"),
    Ask((Mention("heart", "green"),), background="black"),
    Ask((Mention("square", "blue"),), background="yellow"),
    Ask((Mention("star", "yellow"),), background="gray"),
    Ask((Mention("diamond", "purple"),), background="green"),
    Ask((Mention("ring", "orange"),), background="blue"),
    Ask((Mention("triangle", "blue"),), background="pink"),
    Ask((Mention("cross", "black"),), background="white"),
]


ASKS_OF_EVERY_KIND = [ask for category in CATEGORIES for ask in asks(category, 6)]


def missed(bundled: LatentDiffusion, wanted: list[Ask], size: tuple[int, int]) -> list[str]:
    width, height = size
    params = [
        served(bundled, plain_words(ask), seed=seed, width=width, height=height) for seed, ask in enumerate(wanted)
    ]
    scenes = [read(pixels_of(image)) for image in render(bundled, params)]
    return [plain_words(ask) for ask, scene in zip(wanted, scenes, strict=True) if not shows(scene, ask)]


@pytest.mark.parametrize("size", world.SIZES, ids=str)
def test_it_draws_plain_prompts(bundled: LatentDiffusion, size: tuple[int, int]) -> None:
    failed = missed(bundled, PLAIN_ASKS, size)
    assert len(failed) <= 1, failed


@pytest.mark.parametrize("size", world.SIZES, ids=str)
def test_it_draws_most_prompts_of_every_kind(bundled: LatentDiffusion, size: tuple[int, int]) -> None:
    failed = missed(bundled, ASKS_OF_EVERY_KIND, size)
    assert len(failed) <= len(ASKS_OF_EVERY_KIND) / 4, failed
