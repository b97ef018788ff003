"""The diffusion stage: trains the UNet and the text encoder together on the autoencoder's latents.

The target is v (Salimans and Ho, arXiv:2202.00512). Unlike the noise it stays informative at timesteps where hardly
anything of the image is left, and these decide the layout. One caption in ten is dropped for classifier-free guidance.
The noise schedule ends with a lower signal-to-noise ratio than Stable Diffusion's (arXiv:2305.08891): a flat background
is so strong a signal that with a final beta of 0.012 the last timestep still reveals its color, and a model that learns
to read it there fails when it starts from pure noise.
"""

from __future__ import annotations

from typing import Any, Final

import torch
from diffusers import DDPMScheduler, UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTokenizer

from pipelines.training.loop import Batch, BatchSource, sample_rng, step_rng
from pipelines.training.scenes.captions import PromptSpec, random_prompt, random_spec
from pipelines.training.scenes.corruptions import contradicts
from pipelines.training.stages.latents import SIZE_SHARES, LatentSet
from pipelines.training.stages.layout_probe import LayoutProbe, cell_classes
from pipelines.training.stages.text import WIDTH, TextObjective, target_classes, token_ids

DROPPED_CAPTIONS: Final = 0.1
TIMESTEP_POWER: Final = 0.75
"""Exponent of the timestep distribution. Below one, more samples are noisy ones, which decide counts and positions."""
CORRUPTED_SHARE: Final = 0.3
"""Share of the samples whose image is blended with a corruption."""
TEXT_WEIGHT: Final = 0.1
"""Weight of the text stage's loss, which preserves what the encoder has learned while the UNet learns to use it."""
LAYOUT_WEIGHT: Final = 0.05
"""Weight of the layout probe's loss."""

NOISE_SCHEDULE: Final[dict[str, Any]] = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.02,
    "beta_schedule": "scaled_linear",
    "prediction_type": "v_prediction",
}


def new_unet() -> UNet2DConditionModel:
    """Returns an untrained UNet."""
    unet = UNet2DConditionModel(
        sample_size=16,
        in_channels=4,
        out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(48, 96, 144),
        layers_per_block=1,
        cross_attention_dim=WIDTH,
        # Diffusers treats this as the number of heads; each head is 16 wide.
        attention_head_dim=(3, 6, 9),
        norm_num_groups=12,
    )
    _start_as_identity(unet)
    return unet


def _start_as_identity(unet: UNet2DConditionModel) -> None:
    """Zeroes the last layer of every residual branch and of the whole network (as in arXiv:2105.05233)."""
    for name, module in unet.named_modules():
        last = name.endswith((".conv2", ".proj_out")) or name == "conv_out"
        if last and isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.zeros_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


class DiffusionObjective(nn.Module):
    """The loss of the diffusion stage: squared error of the predicted v, plus weighted text and layout probe losses."""

    def __init__(self, unet: UNet2DConditionModel, text: TextObjective) -> None:
        super().__init__()
        self.unet = unet
        self.text = text
        self.layout_probe = LayoutProbe(unet)
        self.scheduler = DDPMScheduler(**NOISE_SCHEDULE)

    def forward(
        self,
        latents: Tensor,
        inputs: Tensor,
        noise: Tensor,
        timesteps: Tensor,
        tokens: Tensor,
        targets: Tensor,
        cells: Tensor,
    ) -> Tensor:
        """Returns the mean loss.

        `latents` [B, 4, h, w] are the images to predict; `inputs` [B, 4, h, w] are what noise is added to: the latents,
        or the latents blended with a corruption. `noise` is [B, 4, h, w], `timesteps` [B], `tokens` [B, 32], `targets`
        [B, len(HEADS)] and `cells` [B, 2, h, w].
        """
        noisy = self.scheduler.add_noise(inputs, noise, timesteps)
        velocity = self.scheduler.get_velocity(latents, noise, timesteps)
        encoded = self.text.encoder(tokens)
        states = encoded.last_hidden_state
        predicted = self.unet(noisy.contiguous(memory_format=torch.channels_last), timesteps, states).sample
        text_loss = self.text.loss(encoded.pooler_output, targets)
        error = nn.functional.mse_loss(predicted, velocity)
        return error + TEXT_WEIGHT * text_loss + LAYOUT_WEIGHT * self.layout_probe.loss(cells)


def spread_timestep(share: float) -> int:
    """Returns the timestep below which `share` of the samples lie."""
    return int(NOISE_SCHEDULE["num_train_timesteps"] * share**TIMESTEP_POWER)


def latent_batches(sets: list[LatentSet], tokenizer: CLIPTokenizer, seed: int, batch_size: int) -> BatchSource:
    """Returns batches of one image size each. The timesteps of a global batch are spread evenly over the schedule."""

    def batch(step: int, indices: range) -> Batch:
        shared = step_rng(seed, step)
        chosen = shared.choices(sets, SIZE_SHARES)[0]
        offset = shared.random()
        latents, inputs, noise, timesteps, specs, texts, cells = [], [], [], [], [], [], []
        for index in indices:
            rng = sample_rng(seed, step, index)
            wants_corruption = rng.random() < CORRUPTED_SHARE
            which = rng.randrange(len(chosen.corrupted if wants_corruption else chosen.latents))
            latents.append(chosen.latents[which].float())
            generator = torch.Generator().manual_seed(rng.getrandbits(62))
            noise.append(torch.randn(latents[-1].shape, generator=generator))
            timesteps.append(spread_timestep((index + offset) / batch_size % 1))
            dropped = rng.random() < DROPPED_CAPTIONS
            scene = chosen.scenes.scene(which)
            cells.append(cell_classes(scene))
            specs.append(PromptSpec() if dropped else random_spec(scene, rng))
            texts.append("" if dropped else random_prompt(specs[-1], rng))
            is_corrupted = wants_corruption and contradicts(chosen.scenes.corruption(which)[0], specs[-1])
            inputs.append(
                latents[-1].lerp(chosen.corrupted[which].float(), rng.random()) if is_corrupted else latents[-1]
            )
        return {
            "latents": torch.stack(latents),
            "inputs": torch.stack(inputs),
            "noise": torch.stack(noise),
            "timesteps": torch.tensor(timesteps),
            "tokens": token_ids(tokenizer, texts),
            "targets": torch.tensor([target_classes(spec) for spec in specs]),
            "cells": torch.stack(cells),
        }

    return batch
