"""Images that start from others, on a pretended GPU: the host waits between no calls, and latents are the CPU's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from torch import Tensor

from pipelines.families.latent_diffusion.pipeline import Components, LatentDiffusion
from pipelines.families.latent_diffusion.state import LatentState
from pipelines.interface import UPSCALE, PendingAdvance, finish_or_raise
from tests.harness.engine.uploads import DECODED, ENLARGED, IMAGE, MASK
from tests.harness.models.device_lint import DeviceLint, Transfers
from tests.harness.models.diffusers_reference import distance
from tests.harness.models.tiny_model import begin
from tests.pipelines.families.latent_diffusion import test_device
from tests.pipelines.families.latent_diffusion.test_device import PARAMS, TOLERANCE, make

on_cpu, on_device = test_device.on_cpu, test_device.on_device
IMAGES: Final = [
    replace(PARAMS, image=IMAGE, strength=0.6),
    replace(PARAMS, image=IMAGE, mask=MASK, sampler="euler_a"),
    replace(PARAMS, width=96, height=64, hires=replace(ENLARGED, width=64, height=48)),
]


def call(pipeline: LatentDiffusion, states: Sequence[LatentState]) -> list[PendingAdvance]:
    """Make all calls of images that need no enlargement by way of their pixels, and finish none of them."""
    made: list[PendingAdvance] = []
    while running := [state for state in states if state.next_call]:
        keys = [state.next_call.key for state in running if state.next_call]
        batch = [state for state, key in zip(running, keys, strict=True) if key == keys[0]]
        made.append(pipeline.advance(batch, pipeline.predict(batch)))
    return made


def test_the_host_waits_neither_to_begin_nor_between_calls_nor_between_passes(
    pipeline: LatentDiffusion, on_cpu: Components, on_device: Components
) -> None:
    plain = make(pipeline, on_cpu)
    expected = [begin(plain, params) for params in IMAGES]
    call(plain, expected)

    with DeviceLint() as lint:
        device = make(pipeline, on_device)
        states = [begin(device, params) for params in IMAGES]
        lint.transfers = Transfers()
        updates = call(device, states)
        assert lint.transfers == Transfers()
        for update in updates:
            finish_or_raise(update)
        latents: list[Tensor] = [state.latents.cpu() for state in states]

    for ours, state in zip(latents, expected, strict=True):
        assert distance(ours, state.latents) < TOLERANCE


def test_an_enlargement_by_way_of_pixels_makes_the_latents_of_the_cpu(
    pipeline: LatentDiffusion, on_cpu: Components, on_device: Components
) -> None:
    def made(components: Components) -> Tensor:
        own = make(pipeline, components)
        state = begin(own, replace(PARAMS, width=96, height=64, hires=DECODED, steps=1))
        while state.next_call and state.next_call.key.phase != UPSCALE:
            finish_or_raise(own.advance([state], own.predict([state])))
        own.upscale([state])
        return state.latents.cpu()

    plain = made(on_cpu)
    with DeviceLint():
        pretended = made(on_device)

    assert distance(pretended, plain) < TOLERANCE
