"""Every sampler and whole images on a pretended GPU (`device_lint`), after tests of the pretense itself. No GPU."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import torch
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from pipelines.families.stable_diffusion.pipeline import Components, LatentDiffusion
from pipelines.interface import RgbImage
from pipelines.params import GenerationParams
from pipelines.runtime.batching import BatchingByNetwork, Padded
from pipelines.runtime.networks import Networks
from pipelines.sampling.diffusers_schedulers import SamplerRun, Schedulers
from pipelines.sampling.samplers import SAMPLERS, Sampler, SamplerChoice
from tests.harness.device_lint import CPU, DEVICE, DeviceLint, DeviceTensor, MixedDevicesError, Transfers

CONFIG: Final[Mapping[str, Any]] = {"num_train_timesteps": 100, "beta_start": 0.0085, "beta_end": 0.12}
"""A tenth of the usual timesteps, since the time in which diffusers sets up DPM2 is proportional to them."""
CHOICES: Final = [
    SamplerChoice(sampler, schedule) for sampler in SAMPLERS.values() for schedule in (None, *sampler.schedules)
]
NOT_FOR_SAMPLE: Final = {"euler_a", "dpm2", "dpm2_a", "pndm"}
"""Samplers whose diffusers classes do not take a model that predicts the clean latents."""
PREDICTIONS: Final = [
    (choice, prediction_type)
    for choice in CHOICES
    for prediction_type in ("epsilon", "v_prediction", "sample")
    if prediction_type != "sample" or choice.sampler.name not in NOT_FOR_SAMPLE
]
TRANSFERS: Final[Mapping[str, Transfers]] = {
    **dict.fromkeys(("ddpm", "euler_a", "dpm++_2m_sde", "dpm++_sde"), Transfers(to_device=11)),
    **dict.fromkeys(("dpm2_a", "lcm"), Transfers(to_device=10)),
    # Diffusers moves UniPC's sigmas to the device in every step, and solves for the coefficients there.
    "unipc": Transfers(to_cpu=8, to_device=55),
}
"""Transfers in ten steps, by sampler. The samplers that are not listed make one: the initial noise."""
PARAMS: Final = GenerationParams(
    prompt="a red fox", width=64, height=48, steps=4, guidance_scale=5.0, seed=3, sampler="unipc"
)


def on_both(make: Callable[[torch.device], list[Tensor]]) -> tuple[list[Tensor], list[Tensor]]:
    """Calls `make` for the simulated GPU and for the CPU. Returns both results, the first one copied to the CPU."""
    with DeviceLint():
        made = make(DEVICE)
        assert all(isinstance(tensor, DeviceTensor) for tensor in made)
        pretended = [tensor.cpu() for tensor in made]
    return pretended, make(CPU)


def assert_same_bits(results: tuple[Sequence[Tensor], Sequence[Tensor]]) -> None:
    pretended, plain = results
    assert all(type(tensor) is Tensor for tensor in plain)
    torch.testing.assert_close(pretended, plain, rtol=0, atol=0)


def denoise(run: SamplerRun, device: torch.device) -> list[Tensor]:
    """The latents, and the clean latents of each call, made as `LatentDiffusion` makes them, without its networks."""
    generator = torch.Generator("cpu").manual_seed(0)
    latents = (torch.randn(1, 4, 8, 8, generator=generator) * run.init_noise_sigma).to(device)
    seen = []
    for _ in range(run.calls):
        model_input = run.model_input(latents)
        output = torch.cat([0.9 * model_input + 0.1 * torch.sin(model_input), torch.cos(model_input)])
        negative, prompt = output.chunk(2)
        guided = negative + 5.0 * (prompt - negative)
        seen.append(run.predict_clean(model_input, guided, run.timestep))
        latents = run.step(guided, latents, generator)
    return [latents, *seen]


def test_what_is_created_or_moved_is_on_the_device_and_comes_back_with_its_numbers() -> None:
    with DeviceLint():
        moved, created = torch.arange(3.0).to(DEVICE), torch.ones(3, device=DEVICE)
        total = moved + created
        back = total.cpu()

    assert [type(tensor) for tensor in (moved, created, total)] == [DeviceTensor] * 3
    assert total.device == DEVICE
    assert type(back) is Tensor
    assert back.tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    "mix",
    [
        lambda device, scalar: torch.stack([device[0], scalar]),
        lambda device, scalar: torch.cat([device, scalar[None]]),
        lambda device, scalar: torch.einsum("k,k->", device, scalar.expand(3)),
        lambda device, scalar: torch.linalg.solve(device.diag(), scalar.expand(3)),
        lambda device, scalar: device + scalar[None],
        lambda device, scalar: scalar.add_(device[0]),
        lambda device, scalar: torch.add(device[0], 1.0, out=scalar),
        lambda device, scalar: torch.randn(3, generator=torch.Generator("cpu"), device=DEVICE),
        lambda device, scalar: torch.randn_like(device),
    ],
    ids=["stack", "cat", "einsum", "solve", "add a vector", "add in place", "add out", "CPU generator", "own noise"],
)
def test_the_lint_refuses_mixed_devices_and_noise_drawn_on_the_device(mix: Callable[[Tensor, Tensor], Tensor]) -> None:
    with DeviceLint():
        device, scalar = torch.ones(3).to(DEVICE), torch.tensor(2.0)
        with pytest.raises(MixedDevicesError):
            mix(device, scalar)
        with torch.inference_mode(), pytest.raises(MixedDevicesError):
            mix(device.clone(), scalar.clone())


def test_the_lint_refuses_to_read_device_memory_as_an_array() -> None:
    with DeviceLint():
        device = torch.ones(3).to(DEVICE)
        with pytest.raises(RuntimeError, match="numpy"):
            device.numpy()
        with pytest.raises(RuntimeError, match="numpy"):
            np.array(device)


def test_a_cpu_scalar_meets_device_tensors_in_elementwise_operators() -> None:
    def mix(device: torch.device) -> list[Tensor]:
        vector, scalar = torch.arange(1.0, 4.0).to(device), torch.tensor(2.0)
        return [
            vector * scalar,
            scalar - vector,
            vector**scalar,
            scalar / vector,
            vector[0] + scalar,
            vector.add_(scalar),
        ]

    assert_same_bits(on_both(mix))


def test_a_write_in_place_is_seen_through_every_view() -> None:
    with DeviceLint():
        device = torch.zeros(2, 2).to(DEVICE)
        row = device[1]
        assert row.add_(1.0) is row
        row[:1] = torch.tensor([5.0])

        assert device.tolist() == [[0.0, 0.0], [5.0, 1.0]]


def test_noise_from_a_cpu_generator_is_moved_to_the_device() -> None:
    def draw(device: torch.device) -> list[Tensor]:
        return [randn_tensor((2, 3), generator=torch.Generator("cpu").manual_seed(1), device=device)]

    assert_same_bits(on_both(draw))


@pytest.mark.parametrize(
    ("transfer", "transfers"),
    [
        (lambda device: float(device[0]), Transfers(to_cpu=1)),
        (lambda device: bool((device > 0).any()), Transfers(to_cpu=1)),
        (lambda device: device.tolist(), Transfers(to_cpu=1)),
        (lambda device: device.to("cpu"), Transfers(to_cpu=1)),
        (lambda device: device.to("cpu", non_blocking=True), Transfers()),
        (lambda device: device[device > 0], Transfers(to_cpu=1)),
        (lambda device: torch.linalg.solve(device.diag(), device), Transfers(to_cpu=1)),
        (lambda device: torch.ones(3).to(device.device), Transfers(to_device=1)),
        (lambda device: device.copy_(torch.ones(3)), Transfers(to_device=1)),
        (lambda device: torch.ones(3).copy_(device), Transfers(to_cpu=1)),
        (lambda device: device.double() * 2.0 + torch.tensor(1.0), Transfers()),
    ],
    ids=["float", "bool", "tolist", "to", "to later", "mask", "solve", "upload", "copy in", "copy out", "none"],
)
def test_transfers_for_which_the_host_waits_are_counted(
    transfer: Callable[[Tensor], object], transfers: Transfers
) -> None:
    with DeviceLint():
        device = torch.ones(3).to(DEVICE)
    with DeviceLint() as lint:
        transfer(device)
    with DeviceLint() as inference_lint, torch.inference_mode():
        transfer(device.clone())

    assert lint.transfers == inference_lint.transfers == transfers


def test_device_tensors_cannot_be_used_outside_the_lint() -> None:
    with DeviceLint():
        device = torch.ones(3).to(DEVICE)

    with pytest.raises(RuntimeError, match="only inside a DeviceLint"):
        device + 1.0


@pytest.mark.parametrize(
    ("choice", "prediction_type"),
    PREDICTIONS,
    ids=[f"{choice.sampler.name}-{choice.schedule}-{prediction_type}" for choice, prediction_type in PREDICTIONS],
)
def test_every_sampler_runs_on_the_device_with_the_bits_of_the_cpu(choice: SamplerChoice, prediction_type: str) -> None:
    schedulers = Schedulers({**CONFIG, "prediction_type": prediction_type})

    def make(steps: int, device: torch.device) -> list[Tensor]:
        return denoise(schedulers.start(choice, steps), device)

    for steps in (1, 2, 3, 10):
        assert_same_bits(on_both(partial(make, steps)))


@pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=lambda sampler: sampler.name)
def test_a_sampler_makes_the_host_wait_for_exactly_these_transfers(sampler: Sampler) -> None:
    run = Schedulers(CONFIG).start(SamplerChoice(sampler, None), 10)
    with DeviceLint() as lint:
        denoise(run, DEVICE)

    assert lint.transfers == TRANSFERS.get(sampler.name, Transfers(to_device=1))


def on_device(pipeline: LatentDiffusion, components: Components, batching: BatchingByNetwork) -> LatentDiffusion:
    """`pipeline`, whose parts are `components`, with its networks on the pretended GPU."""
    networks = components.networks
    text_encoder, unet, vae = (
        copy.deepcopy(network).to(DEVICE) for network in (networks.text_encoder, networks.unet, networks.vae)
    )
    moved = Networks(text_encoder=text_encoder, unet=unet, vae=vae, batching=batching)
    return LatentDiffusion(pipeline.info, replace(components, networks=moved))


def make_images(pipeline: LatentDiffusion) -> list[RgbImage]:
    """All previews and images of a batch of two, with guidance and without, and of one in the wider dtype."""
    conditionings = pipeline.encode(PARAMS.texts)
    guided = pipeline.begin(PARAMS, conditionings)
    unguided = pipeline.begin(replace(PARAMS, sampler="euler_a", guidance_scale=1.0), conditionings[1:])
    states = [guided, unguided, pipeline.begin_upcast(PARAMS)]
    images = [pipeline.preview(state) for state in states]
    for batch in (states[:2], states[2:]):
        while batch[0].next_call:
            for state, prediction in zip(batch, pipeline.predict(batch), strict=True):
                pipeline.advance(state, prediction)
                images.append(pipeline.preview(state))
    return images + pipeline.decode(states)


@pytest.fixture(scope="module")
def components(model_folder: Path, pipeline: LatentDiffusion) -> Components:
    scheduler_config = json.loads((model_folder / "scheduler" / "scheduler_config.json").read_text())
    return Components(tokenizer=pipeline._tokenizer, networks=pipeline._networks, scheduler_config=scheduler_config)


@pytest.mark.parametrize(
    "batching",
    [BatchingByNetwork(), BatchingByNetwork(texts=Padded([4]), rows=Padded([8]), images=Padded([4]))],
    ids=["as they come", "padded"],
)
def test_whole_images_come_from_the_device_with_the_bits_of_the_cpu(
    pipeline: LatentDiffusion, components: Components, batching: BatchingByNetwork
) -> None:
    networks = components.networks
    on_cpu = Networks(text_encoder=networks.text_encoder, unet=networks.unet, vae=networks.vae, batching=batching)
    # PyTorch chooses the attention kernel by device; this makes both devices use the same one.
    with sdpa_kernel(SDPBackend.MATH):
        plain = make_images(LatentDiffusion(pipeline.info, replace(components, networks=on_cpu)))
        with DeviceLint():
            pretended = make_images(on_device(pipeline, components, batching))

    assert pretended == plain


def test_the_host_waits_once_for_a_unet_call_and_not_for_a_decode_that_it_starts(
    pipeline: LatentDiffusion, components: Components
) -> None:
    with DeviceLint() as lint:
        device = on_device(pipeline, components, BatchingByNetwork())
        conditionings = device.encode(PARAMS.texts)
        states = [device.begin(replace(PARAMS, seed=seed, sampler="dpm++_2m"), conditionings) for seed in range(3)]

        lint.transfers = Transfers()
        predictions = device.predict(states)
        # The timesteps are copied to the device, and the sums that show whether rows are finite are copied back.
        assert lint.transfers == Transfers(to_cpu=1, to_device=1)

        lint.transfers = Transfers()
        for state, prediction in zip(states, predictions, strict=True):
            device.advance(state, prediction)
        device.start_decode(states)
        assert lint.transfers == Transfers()
