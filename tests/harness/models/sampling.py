"""Sampler runs without networks: a stand-in for the UNet, the update of many images, and diffusers' own loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import torch
from torch import Tensor

from pipelines.sampling import stacked_update
from pipelines.sampling.diffusers_schedulers import construct
from pipelines.sampling.prepared_steps import PreparedSteps
from pipelines.sampling.sampler_run import SamplerRun
from pipelines.sampling.samplers import SAMPLERS, SamplerChoice

CONFIG: Final[Mapping[str, Any]] = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
CHOICES: Final = [
    SamplerChoice(sampler, schedule) for sampler in SAMPLERS.values() for schedule in (None, *sampler.schedules)
]
SHAPE: Final = (4, 8, 8)
CPU: Final = torch.device("cpu")


def label(choice: SamplerChoice) -> str:
    return f"{choice.sampler.name}-{choice.schedule}"


def begin(prepared: PreparedSteps, choice: SamplerChoice, count: int, *, seed: int = 0, **options: Any) -> SamplerRun:
    """Begin an image of `count` steps. `options` are those of a `SamplerRun`, and its `shape`, [C, h, w]."""
    generator = torch.Generator("cpu").manual_seed(seed)
    noise = torch.randn(1, *options.pop("shape", SHAPE), generator=generator)
    steps = prepared.get(choice, count)
    options = {"latents": steps.from_noise(noise), "generator": generator, "device": CPU, **options}
    return SamplerRun(steps, **options)


def begin_from(
    prepared: PreparedSteps, choice: SamplerChoice, count: int, first_step: int, clean: Tensor, *, seed: int = 0
) -> SamplerRun:
    """Begin an image of `count` steps at the step `first_step`, from clean latents [1, C, h, w] and noise."""
    generator = torch.Generator("cpu").manual_seed(seed)
    noise = torch.randn(clean.shape, generator=generator)
    steps = prepared.get(choice, count, range(first_step, count))
    return SamplerRun(steps, steps.noised(clean, noise), generator, CPU)


def predict(model_input: Tensor) -> Tensor:
    """Return what stands for the output of a UNet: its input with a little structure added."""
    return 0.9 * model_input + 0.1 * torch.sin(model_input)


@torch.inference_mode()
def advance(runs: Sequence[SamplerRun], guided: Tensor | None = None) -> None:
    """Make one call with all these images. Raises the first error of an image.

    `guided` [images, C, h, w] takes the place of the outputs that `predict` gives.
    """
    if guided is None:
        guided = predict(torch.cat([run.latents * run.input_scale for run in runs]))
    for run, slots in zip(runs, stacked_update.next_slots(runs, guided), strict=True):
        if isinstance(slots, Exception):
            raise slots
        run.commit(slots)


def finish(runs: Sequence[SamplerRun]) -> None:
    """Make all calls of all these images, together as long as they last."""
    while running := [run for run in runs if run.position < run.calls]:
        advance(running)


@torch.inference_mode()
def denoise_with_diffusers(
    config: Mapping[str, Any],
    choice: SamplerChoice,
    count: int,
    *,
    seed: int = 0,
    clean: Tensor | None = None,
    first_step: int = 0,
) -> Tensor:
    """Return the latents of one image, [1, C, h, w], as diffusers' own scheduler makes them.

    They are float64, where no noise is drawn in the steps, because some schedulers lose more in float32 than we do.
    With `clean`, the image starts from these latents, at the step `first_step`, as its image-to-image pipelines do.
    """
    scheduler = construct(config, choice)
    scheduler.set_timesteps(count)
    first_call = first_step * scheduler.order
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(first_call)
    generator = torch.Generator("cpu").manual_seed(seed)
    drawn = torch.randn(1, *SHAPE, generator=generator)
    timesteps = scheduler.timesteps[first_call:]
    latents: Tensor = (
        drawn * scheduler.init_noise_sigma if clean is None else scheduler.add_noise(clean, drawn, timesteps[:1])
    )
    latents = latents.to(torch.float32 if choice.sampler.stochastic else torch.float64)
    noise = {"generator": generator} if choice.sampler.stochastic else {}
    for timestep in timesteps:
        output = predict(scheduler.scale_model_input(latents, timestep))
        latents = scheduler.step(output, timestep, latents, return_dict=False, **noise)[0]
    return latents
