"""Every sampler makes the calls that the table says, draws from its own generator and shares no state. No networks."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

import pytest
import torch
from diffusers import DDIMScheduler, EulerDiscreteScheduler, LMSDiscreteScheduler, PNDMScheduler
from torch import Tensor

from pipelines.errors import InvalidParamsError
from pipelines.sampling.diffusers_schedulers import SamplerRun, Schedulers, construct
from pipelines.sampling.samplers import SAMPLERS, Sampler, SamplerChoice, find

CONFIG: Mapping[str, Any] = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
CHOICES = [SamplerChoice(sampler, schedule) for sampler in SAMPLERS.values() for schedule in (None, *sampler.schedules)]

every_sampler = pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=lambda sampler: sampler.name)
every_choice = pytest.mark.parametrize("choice", CHOICES, ids=lambda choice: f"{choice.sampler.name}-{choice.schedule}")


@pytest.fixture(scope="module")
def schedulers() -> Schedulers:
    return Schedulers(CONFIG)


def denoise(run: SamplerRun, seed: int = 0, calls: int | None = None) -> Tensor:
    """Return the latents after that many calls, or all, of a stand-in for a UNet that adds a little structure."""
    generator = torch.Generator("cpu").manual_seed(seed)
    latents = torch.randn(1, 4, 8, 8, generator=generator) * run.init_noise_sigma
    for _ in range(run.calls if calls is None else calls):
        scaled = run.model_input(latents)
        latents = run.step(0.9 * scaled + 0.1 * torch.sin(scaled), latents, generator)
    return latents


@every_sampler
def test_a_sampler_makes_as_many_calls_as_the_table_says(schedulers: Schedulers, sampler: Sampler) -> None:
    for steps in (1, 2, 3, 6, 25, 50):
        assert schedulers.start(SamplerChoice(sampler, None), steps).calls == sampler.calls(steps)


@every_choice
def test_every_number_of_steps_ends_in_finite_latents(schedulers: Schedulers, choice: SamplerChoice) -> None:
    for steps in (1, 2, 16):
        latents = denoise(schedulers.start(choice, steps))

        assert latents.isfinite().all()
        assert latents.dtype == torch.float32


@every_choice
def test_runs_of_one_sampler_do_not_affect_each_other(schedulers: Schedulers, choice: SamplerChoice) -> None:
    alone = denoise(schedulers.start(choice, 6))

    early, late = schedulers.start(choice, 6), schedulers.start(choice, 6)
    denoise(early, seed=1, calls=3)

    assert torch.equal(denoise(late), alone)
    assert torch.equal(denoise(schedulers.start(choice, 6)), alone)


@every_choice
def test_a_run_writes_to_nothing_that_its_copies_share(schedulers: Schedulers, choice: SamplerChoice) -> None:
    first, second = schedulers.start(choice, 6), schedulers.start(choice, 6)
    shared = [value for value in vars(first._scheduler).values() if isinstance(value, Tensor)]
    before = [value.clone() for value in shared]

    denoise(first)

    torch.testing.assert_close(shared, before, rtol=0, atol=0, equal_nan=True)
    mutable = [name for name, value in vars(first._scheduler).items() if isinstance(value, list | dict)]
    own = [name for name in mutable if name != "_internal_dict"]
    assert not any(vars(first._scheduler)[name] is vars(second._scheduler)[name] for name in own)


@every_sampler
def test_noise_comes_from_the_generator_alone(schedulers: Schedulers, sampler: Sampler) -> None:
    run = schedulers.start(SamplerChoice(sampler, None), 6)
    generator = torch.Generator("cpu").manual_seed(5)
    latents = torch.randn(1, 4, 8, 8, generator=generator) * run.init_noise_sigma
    own_state, global_state = generator.get_state(), torch.get_rng_state()

    for _ in range(run.calls):
        latents = run.step(0.5 * run.model_input(latents), latents, generator)

    assert torch.equal(torch.get_rng_state(), global_state)
    assert torch.equal(generator.get_state(), own_state) != sampler.stochastic


@every_choice
def test_scaling_the_input_changes_nothing(schedulers: Schedulers, choice: SamplerChoice) -> None:
    run, latents = schedulers.start(choice, 6), torch.ones(1, 4, 8, 8)
    before = {name: repr(value) for name, value in vars(run._scheduler).items()}

    assert torch.equal(run.model_input(latents), run.model_input(latents))

    assert {name: repr(value) for name, value in vars(run._scheduler).items()} == before


@every_sampler
@pytest.mark.parametrize("prediction_type", ["epsilon", "v_prediction"])
def test_a_perfect_output_predicts_the_clean_latents_at_any_samplers_scale(
    sampler: Sampler, prediction_type: str
) -> None:
    run = Schedulers({**CONFIG, "prediction_type": prediction_type}).start(SamplerChoice(sampler, None), 10)
    clean, noise = torch.randn(2, 1, 4, 8, 8, generator=torch.Generator("cpu").manual_seed(0))
    noisy = run._scheduler.add_noise(clean, noise, run._scheduler.timesteps[:1])
    alpha = float(run._scheduler.alphas_cumprod[int(run.timestep)])
    v = alpha**0.5 * noise - (1 - alpha) ** 0.5 * clean

    found = run.predict_clean(run.model_input(noisy), noise if prediction_type == "epsilon" else v, run.timestep)

    torch.testing.assert_close(found, clean, rtol=1e-3, atol=1e-3)


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


def test_lms_coefficients_equal_those_that_diffusers_integrates_numerically() -> None:
    exact = construct(CONFIG, find("lms", "karras"))
    numerical = LMSDiscreteScheduler(**CONFIG, use_karras_sigmas=True)
    for scheduler in (exact, numerical):
        scheduler.set_timesteps(10)

    for order, step in product(range(1, 5), range(3, 10)):
        for current in range(order):
            expected = numerical.get_lms_coefficient(order, step, current)
            assert exact.get_lms_coefficient(order, step, current) == pytest.approx(expected, rel=1e-5, abs=1e-7)


def test_a_number_of_steps_for_which_the_spacing_overshoots_is_refused() -> None:
    schedulers = Schedulers({**CONFIG, "timestep_spacing": "trailing"})

    assert schedulers.start(find("euler"), 60).calls == 60
    with pytest.raises(InvalidParamsError) as refusal:
        schedulers.start(find("euler"), 61)
    assert refusal.value.field == "steps"
