"""Images that are updated together get the latents that diffusers gives each alone, and not a bit of one another."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from typing import NoReturn

import pytest
import torch
from diffusers import DDIMScheduler
from torch import Tensor

from pipelines.sampling import stacked_update
from pipelines.sampling.prepared_steps import PreparedSteps
from pipelines.sampling.sampler_run import SamplerRun
from pipelines.sampling.samplers import SamplerChoice, find
from tests.harness.models.device_lint import DEVICE, DeviceLint, DeviceTensor
from tests.harness.models.sampling import (
    CHOICES,
    CONFIG,
    CPU,
    SHAPE,
    advance,
    begin,
    denoise_with_diffusers,
    finish,
    label,
)

TOLERANCE = 2e-5
"""Relative to the latents' norm, in float32."""
STEPS = (1, 2, 3, 5, 20, 25)


def distance(ours: Tensor, theirs: Tensor) -> float:
    return float((ours - theirs).norm() / theirs.norm())


@pytest.mark.parametrize("prediction_type", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("choice", CHOICES, ids=label)
def test_images_of_a_mixed_batch_equal_those_of_diffusers(choice: SamplerChoice, prediction_type: str) -> None:
    config = {**CONFIG, "prediction_type": prediction_type}
    steps = PreparedSteps(config)
    runs = [begin(steps, choice, count, seed=count) for count in STEPS]
    others = [begin(steps, find(name), 7, seed=1) for name in ("unipc", "euler_a", "ddim")]

    finish([others[0], *runs, *others[1:]])

    distances = {
        count: distance(run.latents, denoise_with_diffusers(config, choice, count, seed=count))
        for count, run in zip(STEPS, runs, strict=True)
    }
    assert max(distances.values()) < TOLERANCE, distances


@pytest.mark.parametrize("spacing", ["leading", "linspace", "trailing"])
@pytest.mark.parametrize("choice", CHOICES, ids=label)
def test_every_spacing_of_timesteps_equals_that_of_diffusers(choice: SamplerChoice, spacing: str) -> None:
    config = {**CONFIG, "timestep_spacing": spacing}
    run = begin(PreparedSteps(config), choice, 6)

    finish([run])

    assert distance(run.latents, denoise_with_diffusers(config, choice, 6)) < TOLERANCE


def test_a_model_without_signal_at_the_last_timestep_gives_what_diffusers_gives() -> None:
    config = {**CONFIG, "prediction_type": "v_prediction", "rescale_betas_zero_snr": True}
    for name in ("ddim", "ddpm", "euler", "euler_a", "dpm++_2m", "dpm++_2m_sde", "unipc", "lcm"):
        run = begin(PreparedSteps(config), find(name), 8)

        finish([run])

        assert distance(run.latents, denoise_with_diffusers(config, find(name), 8)) < TOLERANCE, name


def clipped(name: str) -> SamplerChoice:
    """A sampler that clips what it predicts, and so has no linear form."""
    sampler = find(name).sampler
    fields = {**sampler.scheduler_fields, "clip_sample": True, "thresholding": True}
    return SamplerChoice(replace(sampler, scheduler_fields=fields), None)


@pytest.mark.parametrize("name", ["ddim", "ddpm", "dpm++_2m", "unipc", "lcm"])
def test_a_sampler_without_a_linear_form_is_stepped_by_diffusers_beside_others(name: str) -> None:
    steps, choice = PreparedSteps(CONFIG), clipped(name)
    own, other = begin(steps, choice, 6), begin(steps, find("heun"), 6)
    assert own.steps.linear is None

    finish([other, own])

    assert distance(own.latents, denoise_with_diffusers(CONFIG, choice, 6)) < TOLERANCE
    assert distance(other.latents, denoise_with_diffusers(CONFIG, find("heun"), 6)) < TOLERANCE


class BrokenScheduler(DDIMScheduler):  # type: ignore[misc]  # diffusers has no types
    def step(self, *_: object, **__: object) -> NoReturn:
        raise ZeroDivisionError


def test_an_error_of_an_images_own_scheduler_is_given_back_and_the_others_go_on() -> None:
    steps = PreparedSteps(CONFIG)
    sound = begin(steps, find("ddim"), 3)
    unlucky = replace(steps.get(find("ddim"), 3), scheduler=BrokenScheduler(), linear=None)
    broken = SamplerRun(unlucky, torch.zeros(1, *SHAPE), torch.Generator("cpu"), CPU)

    error, slots = stacked_update.next_slots([broken, sound], torch.zeros(2, *SHAPE))

    assert isinstance(error, ZeroDivisionError)
    assert isinstance(slots, Tensor)


@pytest.fixture(params=[1, 2, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("shape", [(4, 5, 7), (4, 35, 35)], ids=str)
def test_no_bit_of_an_image_depends_on_the_others_of_a_call(shape: tuple[int, int, int]) -> None:
    steps, dice = PreparedSteps(CONFIG), random.Random(0)

    def start() -> list[SamplerRun]:
        return [begin(steps, choice, 2 + seed % 4, seed=seed, shape=shape) for seed, choice in enumerate(CHOICES)]

    alone, together = start(), start()
    for run in alone:
        finish([run])
    while running := [run for run in together if run.position < run.calls]:
        advance(dice.sample(running, dice.randint(1, len(running))))

    for choice, one, other in zip(CHOICES, alone, together, strict=True):
        assert one.latents.numpy().tobytes() == other.latents.numpy().tobytes(), label(choice)


@pytest.mark.parametrize("prediction_type", ["epsilon", "v_prediction"])
def test_all_samplers_together_make_the_bits_of_the_cpu_on_a_pretended_gpu(prediction_type: str) -> None:
    steps = PreparedSteps({**CONFIG, "prediction_type": prediction_type})

    def make(device: torch.device, drawer: Executor | None) -> list[Tensor]:
        options = {"device": device, "drawer": drawer}
        runs = [begin(steps, choice, 1 + n % 5, seed=n, **options) for n, choice in enumerate(CHOICES)]
        finish(runs)
        assert {type(run.slots) for run in runs} == {DeviceTensor if device == DEVICE else Tensor}
        return [slots.cpu() for run in runs for slots in (run.latents, run.preview)]

    with ThreadPoolExecutor(1) as drawer, DeviceLint():
        pretended = make(DEVICE, drawer)

    torch.testing.assert_close(pretended, make(CPU, None), rtol=0, atol=0)


def test_an_image_of_nan_changes_no_bit_of_the_others() -> None:
    steps = PreparedSteps(CONFIG)
    alone, beside, broken = (begin(steps, find("unipc"), 4) for _ in range(3))
    broken.slots = torch.full_like(broken.slots, float("nan"))
    finish([alone])

    finish([broken, beside])

    assert torch.equal(alone.latents, beside.latents)


def test_the_slots_of_an_image_hold_no_memory_of_the_others() -> None:
    runs = [begin(PreparedSteps(CONFIG), find(name), 4) for name in ("unipc", "euler")]

    advance(runs)

    for run in runs:
        assert run.slots.untyped_storage().nbytes() == run.slots.nbytes


def test_computing_the_next_slots_changes_nothing() -> None:
    run = begin(PreparedSteps(CONFIG), find("dpm++_2m_sde"), 4)
    guided = torch.ones(1, *SHAPE)

    first, again = (stacked_update.next_slots([run], guided)[0] for _ in range(2))

    assert isinstance(first, Tensor)
    assert isinstance(again, Tensor)
    assert torch.equal(first, again)
    assert run.position == 0
