"""The diffusion stage starts at the loss of predicting zero, and its batches have corrupted samples."""

from __future__ import annotations

import math

import torch
from transformers import CLIPTokenizer

from pipelines.training.scenes import domain
from pipelines.training.stages.diffusion import (
    CORRUPTED_SHARE,
    LAYOUT_WEIGHT,
    TEXT_WEIGHT,
    DiffusionObjective,
    latent_batches,
    new_unet,
)
from pipelines.training.stages.latents import LatentSet, SceneSource
from pipelines.training.stages.text import (
    TextObjective,
    new_text_encoder,
)


def random_sets() -> list[LatentSet]:
    generator = torch.Generator().manual_seed(0)
    sets = []
    for width, height in domain.SIZES:
        latents, corrupted = (torch.randn(4, 4, height // 8, width // 8, generator=generator).half() for _ in range(2))
        sets.append(LatentSet(SceneSource(width, height, 1), latents, corrupted))
    return sets


def test_the_initial_loss_is_that_of_predicting_zero(tokenizer: CLIPTokenizer) -> None:
    torch.manual_seed(0)
    objective = DiffusionObjective(new_unet(), TextObjective(new_text_encoder(tokenizer)))
    source = latent_batches(random_sets(), tokenizer, 0, 4)
    with torch.inference_mode():
        losses = [objective(**source(step, range(4))).item() for step in range(6)]
    auxiliary = TEXT_WEIGHT * 3 + LAYOUT_WEIGHT * (math.log(9) + math.log(19))
    assert all(0.7 < loss - auxiliary < 1.3 for loss in losses)


def test_a_process_gets_its_part_of_the_global_batch(tokenizer: CLIPTokenizer) -> None:
    source = latent_batches(random_sets(), tokenizer, 0, 4)
    whole, half = source(0, range(4)), source(0, range(2, 4))
    assert all(torch.equal(whole[name][2:], half[name]) for name in whole)


def test_some_samples_are_blended_with_a_corruption_that_their_caption_contradicts(tokenizer: CLIPTokenizer) -> None:
    width, height = domain.SIZES[0]
    scenes = SceneSource(width, height, 1)
    right, wrong = (torch.full((200, 4, 16, 16), value).half() for value in (0.0, 1.0))
    batch = latent_batches([LatentSet(scenes, right, wrong)] * len(domain.SIZES), tokenizer, 0, 400)(0, range(400))

    share = batch["inputs"][:, 0, 0, 0]
    assert (batch["latents"] == 0).all()
    assert torch.equal(batch["inputs"], share.view(-1, 1, 1, 1).expand(-1, 4, 16, 16))
    is_corrupted = share > 0
    assert 0.6 * CORRUPTED_SHARE < is_corrupted.float().mean() < CORRUPTED_SHARE
    assert share[is_corrupted].min() < 0.2
    assert share[is_corrupted].max() > 0.8
    has_no_caption = batch["targets"][:, -1] == 0
    assert has_no_caption.any()
    assert not (is_corrupted & has_no_caption).any()
