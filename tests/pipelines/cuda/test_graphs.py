"""Ways of serving without a compiler, such as CUDA graphs, give the results of eager calls."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch

from benchmarks.gpu.parts import served
from pipelines.families.latent_diffusion.pipeline import LatentDiffusion
from tests.harness.models import tiny_model
from tests.harness.models.denoising import RandomBatches, finish_joined

BATCHES = RandomBatches(sizes=((64, 64),), samplers=("euler_a", "dpm++_2m"), max_rows=8, max_decode=4)


def load(folder: Path, device: str, way: str) -> LatentDiffusion:
    mode = served.run_mode(way, max_rows=BATCHES.max_rows, max_decode=BATCHES.max_decode)
    return tiny_model.load(folder, device=device, dtype="float32", mode=mode)


@pytest.mark.parametrize("way", served.WAYS)
def test_every_way_makes_the_latents_of_the_default_one(
    model_folder: Path, wide: LatentDiffusion, gpu: torch.device, way: str
) -> None:
    images = BATCHES.images(random.Random(0), 6)
    pipeline = load(model_folder, str(gpu), way)

    made = finish_joined(pipeline, images)

    for state, expected in zip(made, finish_joined(wide, images), strict=True):
        torch.testing.assert_close(state.latents, expected.latents, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("way", served.WAYS)
def test_a_later_call_does_not_change_what_an_earlier_one_returned(
    model_folder: Path, gpu: torch.device, way: str
) -> None:
    pipeline = load(model_folder, str(gpu), way)
    one, other = ([tiny_model.begin(pipeline, params)] for params in BATCHES.images(random.Random(1), 2))
    (first,) = pipeline.predict(one)
    kept = first.clone()

    pipeline.predict(other)

    assert torch.equal(first, kept)
