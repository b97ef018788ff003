"""The diffusion stage: UNet and text encoder together, on the autoencoder's latents.

The target is v (Salimans and Ho, arXiv:2202.00512): unlike the noise it stays informative where almost nothing of
the image is left, which is where the layout is decided. One caption in ten is dropped for classifier-free guidance.
The noise ends darker than Stable Diffusion's (arXiv:2305.08891): a flat background is so plain a signal that at 0.012
the last timestep still tells its colour, and a model that learns to read it there is lost in noise that has none.
"""

from __future__ import annotations

from typing import Any, Final

import torch
from diffusers import DDPMScheduler, UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTokenizer

from pipelines.training.loop import Batch, BatchSource, sample_rng, step_rng
from pipelines.training.scenes.captions import Ask, ask_of, words
from pipelines.training.scenes.corruptions import contradicts
from pipelines.training.stages.latents import SHARES, LatentSet
from pipelines.training.stages.layout_probe import LayoutHead, layout
from pipelines.training.stages.text import WIDTH, TextObjective, answers, token_ids

DROPPED_CAPTIONS: Final = 0.1
TIMESTEP_POWER: Final = 0.75
"""Below one, more samples come from the noisy end, where counts and places are decided and the text has most to say."""
SLIPS: Final = 0.3
"""Of the samples, those that show something of a slip."""
TEXT_WEIGHT: Final = 0.1
"""Of the text stage's loss, which keeps what the encoder knows while the UNet learns to ask for it."""
LAYOUT_WEIGHT: Final = 0.05
"""Of the question what stands where."""

NOISE_SCHEDULE: Final[dict[str, Any]] = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.02,
    "beta_schedule": "scaled_linear",
    "prediction_type": "v_prediction",
}


def new_unet() -> UNet2DConditionModel:
    unet = UNet2DConditionModel(
        sample_size=16,
        in_channels=4,
        out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(48, 96, 144),
        layers_per_block=1,
        cross_attention_dim=WIDTH,
        # Diffusers reads this as the number of heads: all are 16 wide.
        attention_head_dim=(3, 6, 9),
        norm_num_groups=12,
    )
    _start_as_identity(unet)
    return unet


def _start_as_identity(unet: UNet2DConditionModel) -> None:
    """Zero the last layer of every residual branch and of the whole (as in arXiv:2105.05233)."""
    for name, module in unet.named_modules():
        last = name.endswith((".conv2", ".proj_out")) or name == "conv_out"
        if last and isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.zeros_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


class DiffusionObjective(nn.Module):
    """Mean squared error of the predicted v, a little of the text stage's loss, and a little of `LayoutHead`'s."""

    def __init__(self, unet: UNet2DConditionModel, text: TextObjective) -> None:
        super().__init__()
        self.unet = unet
        self.text = text
        self.layout = LayoutHead(unet)
        self.noising = DDPMScheduler(**NOISE_SCHEDULE)

    def forward(
        self,
        latents: Tensor,
        shown: Tensor,
        noise: Tensor,
        timesteps: Tensor,
        tokens: Tensor,
        targets: Tensor,
        layouts: Tensor,
    ) -> Tensor:
        """`latents`, `shown` and `noise` [B, 4, h, w], `timesteps` [B], `tokens` [B, 32], `targets` [B, len(HEADS)],
        `layouts` [B, 2, h, w]. Noise is added to what is `shown`; what is to come of it are the `latents`."""
        noisy = self.noising.add_noise(shown, noise, timesteps)
        velocity = self.noising.get_velocity(latents, noise, timesteps)
        encoded = self.text.encoder(tokens)
        states = encoded.last_hidden_state
        predicted = self.unet(noisy.contiguous(memory_format=torch.channels_last), timesteps, states).sample
        understood = self.text.loss(encoded.pooler_output, targets)
        error = nn.functional.mse_loss(predicted, velocity)
        return error + TEXT_WEIGHT * understood + LAYOUT_WEIGHT * self.layout.loss(layouts)


def spread_timestep(share: float) -> int:
    """The timestep below which `share` of the samples lie."""
    return int(NOISE_SCHEDULE["num_train_timesteps"] * share**TIMESTEP_POWER)


def latent_batches(sets: list[LatentSet], tokenizer: CLIPTokenizer, seed: int, batch_size: int) -> BatchSource:
    """Batches of one size each; the timesteps of a joint batch are spread evenly over the schedule."""

    def batch(step: int, indices: range) -> Batch:
        shared = step_rng(seed, step)
        chosen = shared.choices(sets, SHARES)[0]
        offset = shared.random()
        latents, shown, noise, timesteps, asks, texts, layouts = [], [], [], [], [], [], []
        for index in indices:
            rng = sample_rng(seed, step, index)
            slipping = rng.random() < SLIPS
            which = rng.randrange(len(chosen.slips if slipping else chosen.latents))
            latents.append(chosen.latents[which].float())
            generator = torch.Generator().manual_seed(rng.getrandbits(62))
            noise.append(torch.randn(latents[-1].shape, generator=generator))
            timesteps.append(spread_timestep((index + offset) / batch_size % 1))
            dropped = rng.random() < DROPPED_CAPTIONS
            scene = chosen.scenes.scene(which)
            layouts.append(layout(scene))
            asks.append(Ask() if dropped else ask_of(scene, rng))
            texts.append("" if dropped else words(asks[-1], rng))
            slipped = slipping and contradicts(chosen.scenes.slip(which)[0], asks[-1])
            shown.append(latents[-1].lerp(chosen.slips[which].float(), rng.random()) if slipped else latents[-1])
        return {
            "latents": torch.stack(latents),
            "shown": torch.stack(shown),
            "noise": torch.stack(noise),
            "timesteps": torch.tensor(timesteps),
            "tokens": token_ids(tokenizer, texts),
            "targets": torch.tensor([answers(ask) for ask in asks]),
            "layouts": torch.stack(layouts),
        }

    return batch
