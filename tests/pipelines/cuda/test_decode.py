"""Decodes on a stream of their own give the pixels of decodes on the main stream, whatever runs beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from pipelines.families.latent_diffusion.decode import Decoder, PendingLatentDecode
from pipelines.families.latent_diffusion.pipeline import LatentDiffusion
from pipelines.families.latent_diffusion.state import LatentState
from pipelines.params import GenerationParams
from tests.harness.models.denoising import finish, finish_joined, step
from tests.harness.models.tiny_model import begin

PARAMS = GenerationParams(
    prompt="a fox", width=128, height=128, steps=3, guidance_scale=4.0, seed=0, sampler="dpm++_2m"
)
DECODES = 10
LONG = replace(PARAMS, steps=DECODES)


def start(decoder: Decoder, states: Sequence[LatentState]) -> PendingLatentDecode:
    return decoder.start(states, wide=False, tiled=False)


def test_a_decode_beside_unet_calls_gives_the_same_pixels(half: LatentDiffusion) -> None:
    done = finish_joined(half, [replace(PARAMS, seed=seed) for seed in range(4)])
    expected = start(Decoder(done[0].networks, exact=True), done).finish()
    decoder = Decoder(done[0].networks, exact=False)
    running = [begin(half, replace(LONG, seed=seed)) for seed in range(4, 8)]

    for _ in range(DECODES):
        pending = start(decoder, done)
        step(half, running)
        assert pending.finish() == expected


def test_a_decode_waits_for_the_calls_that_write_its_latents(half: LatentDiffusion) -> None:
    expected = finish_joined(half, [PARAMS])
    decoder = Decoder(expected[0].networks, exact=False)
    pixels = start(decoder, expected).finish()

    for _ in range(DECODES):
        state = begin(half, PARAMS)
        finish(half, [state])
        assert start(decoder, [state]).finish() == pixels


def test_a_decode_is_ready_once_the_device_is(half: LatentDiffusion, gpu: torch.device) -> None:
    states = finish_joined(half, [PARAMS])
    pending = start(Decoder(states[0].networks, exact=False), states)

    torch.cuda.synchronize(gpu)

    assert pending.ready
