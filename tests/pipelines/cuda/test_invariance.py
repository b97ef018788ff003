"""On the device, an image depends on its batch as little as the two modes promise."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from pipelines.families.latent_diffusion.pipeline import LatentDiffusion
from pipelines.runtime import batch_invariance
from pipelines.runtime.modes import RunMode
from tests.harness.models import tiny_model
from tests.harness.models.denoising import RandomBatches, assert_close_in_levels

BATCHES = RandomBatches(
    sizes=((64, 64), (96, 40)),
    samplers=("euler_a", "dpm++_2m", "heun", "lcm", "pndm", "unipc"),
    max_rows=8,
    max_decode=4,
)
MEAN_LEVELS = 0.5
"""Mean difference in levels of 255 that rounding explains. Values of another row would be off by tens of levels."""


@pytest.fixture(scope="module")
def exact(device: str, model_folder: Path) -> Iterator[LatentDiffusion]:
    # As in service.engine.worker.__main__. cuBLAS reads it when it is first used with deterministic algorithms.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    deterministic, benchmark = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
    batch_invariance.use_deterministic_kernels()
    mode = RunMode(exact=True, max_rows=BATCHES.max_rows, max_decode=BATCHES.max_decode)
    yield tiny_model.load(model_folder, device=device, dtype="float16", mode=mode)
    torch.use_deterministic_algorithms(deterministic)
    torch.backends.cudnn.benchmark = benchmark
    torch.backends.cudnn.deterministic = False


@pytest.mark.parametrize("seed", range(3))
def test_in_default_mode_the_batch_changes_at_most_one_level_in_a_thousandth_of_the_values(
    wide: LatentDiffusion, seed: int
) -> None:
    dice = random.Random(seed)
    images = BATCHES.images(dice, 8)

    for params, together in zip(images, BATCHES.make_together(wide, images, dice), strict=True):
        assert_close_in_levels(BATCHES.make_alone(wide, params).pixels, together.pixels)


@pytest.mark.parametrize("seed", range(3))
def test_in_half_precision_the_batch_changes_an_image_by_rounding_only(half: LatentDiffusion, seed: int) -> None:
    dice = random.Random(seed)
    images = BATCHES.images(dice, 8)

    for params, together in zip(images, BATCHES.make_together(half, images, dice), strict=True):
        alone = BATCHES.make_alone(half, params).pixels
        differences = [abs(a - b) for a, b in zip(alone, together.pixels, strict=True)]
        assert sum(differences) / len(differences) < MEAN_LEVELS


@pytest.mark.parametrize("seed", range(3))
def test_in_exact_mode_random_batches_change_no_bit(exact: LatentDiffusion, seed: int) -> None:
    dice = random.Random(seed)
    images = BATCHES.images(dice, 6)

    together = BATCHES.make_together(exact, images, dice)

    assert together == [BATCHES.make_alone(exact, params) for params in images]
