"""The further inputs of the UNet are padded, recorded and widened like the others, and stay with their row."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pipelines.families.latent_diffusion.pipeline import Components, LatentDiffusion
from pipelines.params import GenerationParams
from pipelines.progress import unreported
from pipelines.runtime import modes
from pipelines.runtime.modes import RunMode
from pipelines.runtime.networks import Networks
from tests.harness.models import tiny_model
from tests.harness.models.denoising import RandomBatches, finish_joined, step
from tests.harness.models.diffusers_reference import distance
from tests.harness.models.graph_recorder import FakeRecorder
from tests.pipelines.families.sdxl.test_parity import IMAGES, PARAMS

KINDS = ["sdxl", "sdxl_refiner", "lcm_sdxl"]
TOLERANCE = 3e-5
MAX_ROWS = 5


class SizedBatches(RandomBatches):
    """Random batches of images that pretend to have had different sizes, some without a negative prompt."""

    def images(self, dice: random.Random, count: int) -> list[GenerationParams]:
        return [
            replace(
                params, original_size=dice.choice([None, (512, 768)]), negative_prompt=dice.choice([None, "", "fog"])
            )
            for params in super().images(dice, count)
        ]


BATCHES = SizedBatches(
    sizes=((64, 64), (40, 56)), samplers=("euler_a", "dpm++_2m", "heun"), max_rows=MAX_ROWS, max_decode=2
)


@pytest.mark.parametrize("kind", KINDS)
def test_in_exact_mode_random_batches_change_no_bit(zoo: Callable[[str], Path], kind: str) -> None:
    pipeline = tiny_model.load(zoo(kind), mode=RunMode(exact=True, max_rows=MAX_ROWS, max_decode=2))
    dice = random.Random(0)
    images = BATCHES.images(dice, 5)

    together = BATCHES.make_together(pipeline, images, dice)

    assert together == [BATCHES.make_alone(pipeline, params) for params in images]


@pytest.mark.parametrize("kind", KINDS)
def test_recorded_calls_make_the_images_of_plain_ones(zoo: Callable[[str], Path], kind: str) -> None:
    plain = tiny_model.load(zoo(kind))
    recorder = FakeRecorder()
    mode = RunMode(max_rows=8)
    networks = modes.build_networks(
        mode,
        text_encoder=plain._networks.text_encoder,
        unet=plain._networks.unet,
        vae=plain._networks.vae,
        added_inputs=plain._networks.added_inputs,
        make_recorder=lambda *_, **__: recorder,
    )
    modes.prepare_networks(mode, networks, plain.info, unreported)
    graphed = with_networks(plain, networks)

    made = finish_joined(graphed, IMAGES[:4])

    assert recorder.replays > 0
    for state, expected in zip(made, finish_joined(plain, IMAGES[:4]), strict=True):
        assert distance(state.latents, expected.latents) < TOLERANCE


def with_networks(pipeline: LatentDiffusion, networks: Networks) -> LatentDiffusion:
    components = Components(pipeline._conditioner, networks, pipeline._steps._config)
    return LatentDiffusion(pipeline.info, components, pipeline._preview)


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_made_again_in_the_wider_dtype_is_the_same(zoo: Callable[[str], Path], kind: str) -> None:
    pipeline = tiny_model.load(zoo(kind))
    params = replace(PARAMS, negative_prompt=None, original_size=(512, 768))
    (plain,) = finish_joined(pipeline, [params])

    wide = pipeline.begin_upcast(params)
    while wide.next_call:
        step(pipeline, [wide])

    assert wide.conditioning.hidden.dtype is torch.float64
    assert {each.dtype for each in wide.conditioning.added.values()} == {torch.float64}
    assert distance(wide.latents, plain.latents) < TOLERANCE


@pytest.mark.parametrize("kind", KINDS)
def test_a_state_takes_no_more_bytes_than_its_plan_says(zoo: Callable[[str], Path], kind: str) -> None:
    pipeline = tiny_model.load(zoo(kind))
    (state,) = finish_joined(pipeline, [PARAMS])
    conditioning = [state.conditioning.hidden, *state.conditioning.added.values()]

    held = state.run.slots.nbytes + sum(each.nbytes for each in conditioning)

    assert held <= pipeline.plan(PARAMS).state_bytes


def test_the_decoder_runs_in_float32_where_the_model_asks_for_it(zoo: Callable[[str], Path]) -> None:
    asks, does_not = (tiny_model.load(zoo(kind), dtype="float16") for kind in ("sdxl", "sdxl_inpaint"))

    assert asks._networks.decoder.always_wide
    assert not does_not._networks.decoder.always_wide
