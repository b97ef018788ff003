"""Schedulers get the model's training, the sampler's settings and the corrections of diffusers' own pipeline."""

from __future__ import annotations

import pytest
import torch
from diffusers import DDIMScheduler, EulerDiscreteScheduler, PNDMScheduler

from pipelines.sampling.diffusers_schedulers import construct
from pipelines.sampling.samplers import SamplerChoice, find
from tests.harness.models.sampling import CHOICES, CONFIG, label


def test_old_configurations_are_corrected_for_every_class() -> None:
    """Stable Diffusion folders of 2022 left `steps_offset` at 0 and `clip_sample` at True. Diffusers corrects its
    pipeline's own scheduler, but a scheduler made from the corrected configuration has the old values again."""
    old = dict(DDIMScheduler(**CONFIG).config)
    assert {"steps_offset", "clip_sample"} <= set(old["_use_default_values"])

    for name, field, value in (
        ("ddim", "clip_sample", False),
        ("ddpm", "clip_sample", False),
        ("pndm", "skip_prk_steps", True),
    ):
        scheduler = construct(old, find(name))
        assert scheduler.config[field] == value
        assert scheduler.config.steps_offset == 1


def test_the_noise_of_training_is_the_models_whatever_the_class_defaults_to() -> None:
    left_at_default = dict(PNDMScheduler().config)

    for name in ("heun", "lcm", "euler"):
        config = construct(left_at_default, find(name)).config
        assert (config.beta_start, config.beta_end, config.beta_schedule) == (0.0001, 0.02, "linear")


def test_spacing_is_the_models_if_configured_and_otherwise_the_classs_own() -> None:
    unwritten = dict(PNDMScheduler(**CONFIG).config)
    written = dict(PNDMScheduler(**CONFIG, timestep_spacing="trailing").config)

    assert (
        construct(unwritten, find("euler")).config.timestep_spacing == EulerDiscreteScheduler().config.timestep_spacing
    )
    assert construct(written, find("euler")).config.timestep_spacing == "trailing"


@pytest.mark.parametrize("choice", CHOICES, ids=label)
def test_a_scheduler_that_was_made_quickly_spaces_its_timesteps_like_any_other(choice: SamplerChoice) -> None:
    scheduler = construct(CONFIG, choice)
    slow = type(scheduler)(**{name: value for name, value in scheduler.config.items() if not name.startswith("_")})

    for each in (scheduler, slow):
        each.set_timesteps(7)

    assert torch.equal(scheduler.timesteps, slow.timesteps)
    assert scheduler.init_noise_sigma == slow.init_noise_sigma
    assert vars(scheduler).keys() == vars(slow).keys()
