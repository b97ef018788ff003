"""Whole images on a pretended GPU (`device_lint`): every sampler, without a wait of the host between two calls."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from pipelines import previews
from pipelines.errors import NonFiniteError
from pipelines.families.latent_diffusion.pipeline import Components, LatentDiffusion
from pipelines.families.latent_diffusion.state import LatentState
from pipelines.interface import RgbImage, TextKey, finish_or_raise
from pipelines.params import GenerationParams
from pipelines.runtime.batching import BatchingByNetwork, Padded
from pipelines.runtime.networks import Networks
from pipelines.sampling.samplers import SAMPLERS
from tests.harness.models.device_lint import DEVICE, DeviceLint, DeviceTensor, Transfers
from tests.harness.models.sampling import CHOICES

PARAMS: Final = GenerationParams(
    prompt="a red fox", width=64, height=48, steps=4, guidance_scale=5.0, seed=3, sampler="unipc"
)
STEPS: Final = (1, 2, 3, 5)
TOLERANCE: Final = 1e-3
"""Relative to the latents' norm. PyTorch splits the networks' operators into other parts on the pretended device."""
PREVIEW: Final = previews.from_rows([[0.5, 0.2, 0.1]] * 5)
NOT_FOR_SAMPLE: Final = {"euler_a", "dpm2", "dpm2_a", "pndm"}
"""Samplers whose diffusers classes do not take a model that predicts the clean latents."""


@pytest.fixture(scope="module")
def on_cpu(model_folder: Path, pipeline: LatentDiffusion) -> Components:
    scheduler_config = json.loads((model_folder / "scheduler" / "scheduler_config.json").read_text())
    return Components(conditioner=pipeline._conditioner, networks=pipeline._networks, scheduler_config=scheduler_config)


@pytest.fixture(scope="module")
def on_device(on_cpu: Components) -> Components:
    return replace(on_cpu, networks=move(on_cpu.networks, BatchingByNetwork()))


def move(networks: Networks, batching: BatchingByNetwork, **options: Any) -> Networks:
    """Copy the networks to the pretended GPU."""
    with DeviceLint():
        text_encoder, unet, vae = (
            copy.deepcopy(network).to(DEVICE) for network in (networks.text_encoder, networks.unet, networks.vae)
        )
        return Networks(text_encoder=text_encoder, unet=unet, vae=vae, batching=batching, **options)


def make(pipeline: LatentDiffusion, components: Components, **config: object) -> LatentDiffusion:
    components = replace(components, scheduler_config={**components.scheduler_config, **config})
    return LatentDiffusion(pipeline.info, components, PREVIEW)


def call(pipeline: LatentDiffusion, states: Sequence[LatentState]) -> None:
    """Make one call, and look at its flags only afterwards."""
    update = pipeline.advance(states, pipeline.predict(states))
    for state in states:
        assert state.run.position
    finish_or_raise(update)


def denoise(pipeline: LatentDiffusion, batch: Sequence[LatentState]) -> list[RgbImage]:
    """Make all calls of a batch. Returns the previews."""
    previews = [pipeline.preview(state) for state in batch]
    while running := [state for state in batch if state.next_call]:
        call(pipeline, running)
        previews += [pipeline.preview(state) for state in running]
    return previews


@pytest.mark.parametrize("prediction_type", ["epsilon", "v_prediction", "sample"])
def test_all_samplers_together_make_the_images_of_the_cpu_on_the_device(
    pipeline: LatentDiffusion, on_cpu: Components, on_device: Components, prediction_type: str
) -> None:
    usable = [choice for choice in CHOICES if prediction_type != "sample" or choice.sampler.name not in NOT_FOR_SAMPLE]
    images = [
        replace(PARAMS, sampler=choice.sampler.name, schedule=choice.schedule, steps=steps, guidance_scale=guidance)
        for choice in usable
        for steps, guidance in zip(STEPS, (1.0, 5.0, 1.0, 1.0), strict=True)
    ]

    def run(components: Components) -> list[Tensor]:
        made = make(pipeline, components, prediction_type=prediction_type)
        text = made.encode([TextKey("tiny", "")])
        batch = [made.begin(params, text * len(made.texts(params))) for params in images]
        while running := [state for state in batch if state.next_call]:
            call(made, running)
        for state in batch:
            made.preview(state)
        made.decode(batch[:4])
        return [state.latents.cpu() for state in batch]

    plain = run(on_cpu)
    with DeviceLint():
        pretended = run(on_device)

    for ours, theirs, params in zip(pretended, plain, images, strict=True):
        assert float((ours - theirs).norm() / theirs.norm()) < TOLERANCE, params


def make_images(pipeline: LatentDiffusion) -> list[RgbImage]:
    """All previews and images of a batch of two, with guidance and without, and of one in the wider dtype."""
    conditionings = pipeline.encode(pipeline.texts(PARAMS))
    guided = pipeline.begin(PARAMS, conditionings)
    unguided = pipeline.begin(replace(PARAMS, sampler="euler_a", guidance_scale=1.0), conditionings[1:])
    upcast = pipeline.begin_upcast(PARAMS)
    previews = denoise(pipeline, [guided, unguided]) + denoise(pipeline, [upcast])
    return previews + pipeline.decode([guided, unguided, upcast])


@pytest.mark.parametrize(
    "batching",
    [BatchingByNetwork(), BatchingByNetwork(texts=Padded([4]), rows=Padded([8]), images=Padded([4]))],
    ids=["as they come", "padded"],
)
def test_whole_images_come_from_the_device_with_the_bits_of_the_cpu(
    pipeline: LatentDiffusion, on_cpu: Components, batching: BatchingByNetwork
) -> None:
    networks = on_cpu.networks
    batched = Networks(text_encoder=networks.text_encoder, unet=networks.unet, vae=networks.vae, batching=batching)
    # PyTorch chooses the attention kernel by device; this makes both devices use the same one.
    with sdpa_kernel(SDPBackend.MATH):
        plain = make_images(make(pipeline, replace(on_cpu, networks=batched)))
        with DeviceLint():
            pretended = make_images(make(pipeline, replace(on_cpu, networks=move(networks, batching))))

    assert pretended == plain


def test_the_host_waits_for_the_device_neither_to_begin_nor_between_calls_nor_to_start_a_decode(
    pipeline: LatentDiffusion, on_device: Components
) -> None:
    with DeviceLint() as lint:
        device = make(pipeline, on_device)
        conditionings = device.encode(device.texts(PARAMS))
        lint.transfers = Transfers()
        states = [device.begin(replace(PARAMS, sampler=sampler), conditionings) for sampler in SAMPLERS]
        finished = []
        while running := [state for state in states if state.next_call]:
            finished.append(device.advance(running, device.predict(running)))
        device.start_decode(states)
        assert lint.transfers == Transfers()

        assert all(isinstance(state.latents, DeviceTensor) for state in states)
        for update in finished:
            finish_or_raise(update)


def test_images_are_resumed_on_the_device_from_snapshots_that_no_call_waits_for(
    pipeline: LatentDiffusion, on_device: Components
) -> None:
    with DeviceLint() as lint:
        device = make(pipeline, on_device)
        conditionings = device.encode(device.texts(PARAMS))
        images = [replace(PARAMS, sampler=sampler) for sampler in SAMPLERS]
        whole = [device.begin(params, conditionings) for params in images]
        for _ in range(2):
            call(device, whole)
        lint.transfers = Transfers()
        taken = [device.snapshot(state) for state in whole]
        update = device.advance(whole, device.predict(whole))
        assert lint.transfers == Transfers()
        finish_or_raise(update)

        resumed = []
        for params, pending in zip(images, taken, strict=True):
            assert pending is not None
            pending.wait()
            resumed.append(device.resume(params, conditionings, None, pending.pack()))
        assert all(isinstance(state.latents, DeviceTensor) for state in resumed)
        for batch in (whole, resumed):
            denoise(device, batch)
        latents = [[state.latents.cpu() for state in batch] for batch in (whole, resumed)]

    for ours, theirs in zip(*latents, strict=True):
        assert torch.equal(ours, theirs)


def kernels_of_a_call(pipeline: LatentDiffusion, components: Components, samplers: Sequence[str]) -> int:
    """Return how often the third call of these images gives the device work outside the networks."""

    def denoiser(sample: Tensor, *_: object, **__: object) -> tuple[Tensor]:
        return (sample,)

    networks = move(components.networks, BatchingByNetwork(), denoiser=denoiser)
    with DeviceLint() as lint:
        device = make(pipeline, replace(components, networks=networks))
        conditionings = device.encode(device.texts(PARAMS))
        states = [device.begin(replace(PARAMS, sampler=sampler), conditionings) for sampler in samplers]
        for _ in range(2):
            call(device, states)
        before = lint.kernels
        call(device, states)
        taken: int = lint.kernels - before
    return taken


@pytest.mark.parametrize("mix", [["dpm++_2m"], ["dpm++_2m_sde"], ["unipc", "euler_a", "lms", "ddim"]], ids="+".join)
def test_sixteen_images_take_as_many_kernels_outside_the_networks_as_few(
    pipeline: LatentDiffusion, on_cpu: Components, mix: list[str]
) -> None:
    few = kernels_of_a_call(pipeline, on_cpu, mix)

    assert kernels_of_a_call(pipeline, on_cpu, mix * (16 // len(mix))) == few


def test_an_image_of_nan_on_the_device_is_found_when_its_update_is_finished(
    pipeline: LatentDiffusion, on_device: Components
) -> None:
    with DeviceLint() as lint:
        device = make(pipeline, on_device)
        text = device.encode([TextKey("tiny", "")])
        sound, broken = (device.begin(replace(PARAMS, guidance_scale=1.0), text) for _ in range(2))
        broken.run.slots = torch.full_like(broken.run.slots, float("nan"))
        lint.transfers = Transfers()
        update = device.advance([sound, broken], device.predict([sound, broken]))
        assert lint.transfers == Transfers()

        good, bad = update.finish()

    assert good is None
    assert isinstance(bad, NonFiniteError)
