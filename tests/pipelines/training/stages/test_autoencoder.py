"""The autoencoder and decoder stages train in the right direction within a few steps."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from diffusers import AutoencoderKL
from torch import Tensor

from pipelines.checkpoints.loader import bundled_model_path
from pipelines.training.cielab import distance
from pipelines.training.loop import TrainingConfig, train
from pipelines.training.scenes.drawing import draw
from pipelines.training.scenes.scene import Scene, SceneObject, random_scene
from pipelines.training.stages.autoencoder import (
    FINE_SHARE,
    AutoencoderObjective,
    DecoderObjective,
    crop_batches,
    has_fine_shape,
    new_autoencoder,
    psnr_db,
)


def test_the_autoencoder_objective_is_finite() -> None:
    torch.manual_seed(0)
    assert torch.isfinite(AutoencoderObjective(new_autoencoder())(**crop_batches(0)(0, range(2))))


@pytest.mark.parametrize(
    ("shape", "radius", "expected"), [("star", 15.0, True), ("star", 40.0, False), ("circle", 15.0, False)]
)
def test_a_fine_shape_is_small_and_has_details(shape: str, radius: float, expected: bool) -> None:
    scene = Scene(128, 128, "white", (SceneObject(shape, "red", 64.0, 64.0, radius),))
    assert has_fine_shape(scene) is expected


def test_the_published_autoencoder_reconstructs_images_and_an_untrained_one_does_not() -> None:
    images = np.stack([draw(random_scene(random.Random(seed), 128, 128)) for seed in range(4)])
    published = AutoencoderKL.from_pretrained(bundled_model_path(), subfolder="vae").eval()
    assert psnr_db(published, images) > 35
    torch.manual_seed(0)
    assert psnr_db(new_autoencoder().eval(), images) < 20


def test_the_decoder_stage_lowers_the_distance_and_keeps_the_latents(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = new_autoencoder()
    pixels = crop_batches(1)(0, range(4))["pixels"]

    def encoding() -> dict[str, Tensor]:
        weights = {**model.encoder.state_dict(), **model.quant_conv.state_dict(prefix="quant.")}
        return {name: weight.clone() for name, weight in weights.items()}

    def distance_after_decoding() -> float:
        with torch.no_grad():
            decoded = model.decode(model.encode(pixels).latent_dist.mode()).sample
        return distance(decoded, pixels).mean().item()

    encoding_before, before = encoding(), distance_after_decoding()
    config = TrainingConfig(steps=12, batch_size=2, learning_rate=0.02, warmup_steps=1, average_decay=0.5)
    train(DecoderObjective(model), crop_batches(0, FINE_SHARE), config, tmp_path / "run", Accelerator(cpu=True))

    assert all(torch.equal(weight, encoding_before[name]) for name, weight in encoding().items())
    assert distance_after_decoding() < 0.9 * before
