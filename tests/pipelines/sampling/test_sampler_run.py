"""A run makes the calls that the table says, draws from its own generator, and predicts the clean latents."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pipelines.sampling.diffusers_schedulers import construct
from pipelines.sampling.prepared_steps import PreparedSteps
from pipelines.sampling.sampler_run import clean_factors
from pipelines.sampling.samplers import SAMPLERS, Sampler, SamplerChoice, find
from tests.harness.models.sampling import CHOICES, CONFIG, SHAPE, advance, begin, finish, label

every_sampler = pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=lambda sampler: sampler.name)
every_choice = pytest.mark.parametrize("choice", CHOICES, ids=label)


@pytest.fixture(scope="module")
def steps() -> PreparedSteps:
    return PreparedSteps(CONFIG)


@every_sampler
def test_a_sampler_makes_as_many_calls_as_the_table_says(steps: PreparedSteps, sampler: Sampler) -> None:
    for count in (1, 2, 3, 6, 25, 50):
        assert begin(steps, SamplerChoice(sampler, None), count).calls == sampler.calls(count)


@every_choice
def test_every_number_of_steps_ends_in_finite_latents(steps: PreparedSteps, choice: SamplerChoice) -> None:
    runs = [begin(steps, choice, count) for count in (1, 2, 16)]

    finish(runs)

    for run in runs:
        assert run.latents.isfinite().all()
        assert run.latents.dtype == torch.float32


@every_choice
def test_runs_of_one_sampler_do_not_affect_each_other(steps: PreparedSteps, choice: SamplerChoice) -> None:
    alone, early, late = (begin(steps, choice, 6, seed=seed) for seed in (0, 1, 0))
    finish([alone])
    for _ in range(3):
        advance([early])
    finish([late])

    assert torch.equal(late.latents, alone.latents)


@every_sampler
def test_noise_comes_from_the_generator_alone(steps: PreparedSteps, sampler: Sampler) -> None:
    generator = torch.Generator("cpu").manual_seed(5)
    run = begin(steps, SamplerChoice(sampler, None), 6, generator=generator)
    own_state, global_state = generator.get_state(), torch.get_rng_state()

    finish([run])

    assert torch.equal(torch.get_rng_state(), global_state)
    assert torch.equal(generator.get_state(), own_state) != sampler.stochastic


def output_for(prediction_type: str, alpha: float, clean: Tensor, noise: Tensor) -> Tensor:
    """Return what a perfect UNet would predict."""
    v: Tensor = alpha**0.5 * noise - (1 - alpha) ** 0.5 * clean
    return {"epsilon": noise, "v_prediction": v, "sample": clean}[prediction_type]


@pytest.mark.parametrize(
    ("sampler", "prediction_type"),
    [
        pytest.param(sampler, prediction_type, id=f"{sampler.name}-{prediction_type}")
        for sampler in SAMPLERS.values()
        for prediction_type in ("epsilon", "v_prediction", "sample")
        # The diffusers classes of these samplers do not take a model that predicts the clean latents.
        if prediction_type != "sample" or sampler.name not in {"euler_a", "dpm2", "dpm2_a", "pndm"}
    ],
)
def test_the_preview_after_a_perfect_output_is_the_clean_latents(sampler: Sampler, prediction_type: str) -> None:
    config = {**CONFIG, "prediction_type": prediction_type}
    run = begin(PreparedSteps(config), SamplerChoice(sampler, None), 10)
    clean, noise = torch.randn(2, 1, *SHAPE, generator=torch.Generator("cpu").manual_seed(0))
    scheduler = construct(config, SamplerChoice(sampler, None))
    scheduler.set_timesteps(10)
    run.slots[:1] = scheduler.add_noise(clean, noise, scheduler.timesteps[:1])
    output = output_for(prediction_type, float(scheduler.alphas_cumprod[round(run.timestep)]), clean, noise)

    advance([run], output)

    torch.testing.assert_close(run.preview, clean, rtol=1e-3, atol=1e-3)


def test_the_first_preview_is_the_initial_noise_at_the_unets_scale(steps: PreparedSteps) -> None:
    run = begin(steps, find("euler"), 4)

    torch.testing.assert_close(run.preview, run.latents * run.input_scale)
    assert 0.8 < float(run.preview.std()) < 1.2


def test_where_nothing_but_noise_is_left_a_prediction_of_noise_gives_no_clean_latents() -> None:
    assert clean_factors("epsilon", 0.0) == (0.0, 0.0)
    assert clean_factors("v_prediction", 0.0) == (0.0, -1.0)
