"""Latents are encoded once from scenes whose objects are far enough apart, and their statistics are normalized."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pipelines.training.scenes import domain
from pipelines.training.scenes.drawing import draw
from pipelines.training.scenes.scene import are_apart, random_scene
from pipelines.training.stages.autoencoder import (
    crop_batches,
    new_autoencoder,
    to_tensor,
)
from pipelines.training.stages.latents import SceneSource, fold_statistics, latent_sets

seeds = st.integers(0, 2**32)
sizes = st.sampled_from(domain.SIZES)


@given(seeds, sizes)
def test_the_scenes_that_train_the_unet_have_a_larger_gap(index: int, size: tuple[int, int]) -> None:
    scene = SceneSource(*size, seed=1).scene(index)
    for one, other in itertools.combinations(scene.objects, 2):
        assert are_apart(one, other, domain.TRAINING_GAP * min(size))


def test_folding_does_not_change_the_reconstruction() -> None:
    torch.manual_seed(0)
    model = new_autoencoder()
    pixels = crop_batches(1)(0, range(4))["pixels"]
    with torch.no_grad():
        before = model.decode(model.encode(pixels).latent_dist.mode()).sample
        fold_statistics(model, 8, seed=5)
        after = model.decode(model.encode(pixels).latent_dist.mode()).sample
    torch.testing.assert_close(after, before, rtol=1e-3, atol=1e-3)


def test_folding_scales_down_a_channel_that_the_decoder_hardly_uses() -> None:
    torch.manual_seed(0)
    model = new_autoencoder().eval()
    with torch.no_grad():
        model.post_quant_conv.weight[:, 2] *= 0.01
    fold_statistics(model, 16, seed=5)
    images = np.stack([draw(random_scene(random.Random(f"fold/{index}"), 128, 128)) for index in range(16)])
    with torch.no_grad():
        latents = model.encode(to_tensor(images)).latent_dist.mode()
    spread = latents.std(dim=(0, 2, 3))
    assert spread[2] < 0.05 * spread.max()
    assert latents.square().mean().sqrt().item() == pytest.approx(1, abs=0.2)


def test_latents_are_encoded_once_and_then_loaded(tmp_path: Path) -> None:
    torch.manual_seed(0)
    first = latent_sets(new_autoencoder(), tmp_path, scenes=8, corruptions=4, seed=1)
    again = latent_sets(new_autoencoder(), tmp_path, scenes=8, corruptions=4, seed=1)
    assert [len(one.latents) for one in first] == [4, 2, 2]
    assert [len(one.corrupted) for one in first] == [2, 1, 1]
    for one, other in zip(first, again, strict=True):
        assert torch.equal(one.latents, other.latents)
        assert torch.equal(one.corrupted, other.corrupted)


# The workers are forks of a process that has torch's threads, which they do not use.
@pytest.mark.filterwarnings("ignore:.* is multi-threaded, use of fork:DeprecationWarning")
def test_scenes_that_processes_draw_give_the_same_latents(tmp_path: Path) -> None:
    torch.manual_seed(0)
    autoencoder = new_autoencoder()
    (alone, *_), (shared, *_) = (
        latent_sets(autoencoder, tmp_path / str(workers), scenes=8, corruptions=4, seed=1, workers=workers)
        for workers in (0, 2)
    )
    assert torch.equal(alone.latents, shared.latents)
    assert torch.equal(alone.corrupted, shared.corrupted)
