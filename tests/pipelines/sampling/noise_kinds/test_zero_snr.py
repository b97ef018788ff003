"""Models whose last timestep holds no signal (arXiv:2305.08891): every sampler starts from noise alone. No networks.

The stand-in for a UNet is the exact denoiser of data that is normally distributed, for the noise of such a model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pytest
import torch
from diffusers import DDIMScheduler, EulerDiscreteScheduler
from torch import Tensor

from pipelines.sampling.diffusers_schedulers import construct
from pipelines.sampling.prepared_steps import PreparedSteps
from pipelines.sampling.samplers import SAMPLERS, Sampler, SamplerChoice, find
from tests.harness.models import sampling

CONFIG: Final[dict[str, Any]] = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "v_prediction",
    "rescale_betas_zero_snr": True,
    "timestep_spacing": "trailing",
}
MEAN: Final = 2.0
DEVIATION: Final = 0.5
ALPHAS: Final[Tensor] = DDIMScheduler(**CONFIG).alphas_cumprod.double()

every_sampler = pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=lambda sampler: sampler.name)


def exact_v(model_input: Tensor, timestep: float) -> Tensor:
    """Return v for data of that mean and deviation. Between timesteps, the noise level is interpolated."""
    low = int(timestep)
    share = timestep - low
    alpha = float(ALPHAS[low] * (1 - share) + ALPHAS[min(low + 1, 999)] * share)
    signal, noise = alpha**0.5, (1 - alpha) ** 0.5
    gain = DEVIATION**2 * signal / (DEVIATION**2 * alpha + 1 - alpha)
    clean = MEAN + gain * (model_input - signal * MEAN)
    v: Tensor = signal * (model_input - signal * clean) / noise - noise * clean
    return v


def finish(config: Mapping[str, Any], choice: SamplerChoice) -> Tensor:
    """Return the latents of an image of 40 steps."""
    run = sampling.begin(PreparedSteps(config), choice, 40, shape=(4, 32, 32))
    while run.position < run.calls:
        sampling.advance([run], exact_v(run.latents * run.input_scale, run.timestep))
    return run.latents


@every_sampler
def test_every_sampler_reaches_the_mean_of_the_data(sampler: Sampler) -> None:
    latents = finish(CONFIG, SamplerChoice(sampler, None))

    assert float(latents.mean()) == pytest.approx(MEAN, abs=0.05)
    assert 0.6 * DEVIATION < float(latents.std()) < 1.1 * DEVIATION


def test_without_the_rescaled_noise_the_mean_is_missed() -> None:
    latents = finish({**CONFIG, "rescale_betas_zero_snr": False}, find("heun"))

    assert abs(float(latents.mean()) - MEAN) > 0.05


@every_sampler
def test_the_noise_levels_are_those_of_diffusers_own_rescaling(sampler: Sampler) -> None:
    ours = construct(CONFIG, SamplerChoice(sampler, None)).alphas_cumprod
    theirs = EulerDiscreteScheduler(**CONFIG).alphas_cumprod

    torch.testing.assert_close(ours[:-1], theirs[:-1], rtol=1e-4, atol=0)
    assert float(ours[-1]) == pytest.approx(2**-24, rel=1e-3) or float(ours[-1]) == 0
