"""The autoencoder stage (AutoencoderKL): encodes images as latents of an eighth of the width and height.

It trains on 64-pixel crops. The network is fully convolutional and has no attention, so the result works at any size.
The weight of the KL term also sets how much noise the latents tolerate: at the optimum the posterior's spread adds
about half of the weight to the mean squared error, so latents are as robust to the denoiser's errors as the desired
sharpness allows.

The decoder stage afterwards trains the decoder alone. The latents stay the same, so the UNet stays valid. Its loss
measures perceived differences: by squared RGB error the halo of a pink star on gray is negligible, although it turns
the star into a diamond.
"""

from __future__ import annotations

import random

import numpy as np
import torch
from diffusers import AutoencoderKL
from numpy.typing import NDArray
from torch import Tensor, nn

from pipelines.training.cielab import distance
from pipelines.training.loop import Batch, BatchSource, sample_rng
from pipelines.training.scenes import domain
from pipelines.training.scenes.drawing import Pixels, draw
from pipelines.training.scenes.scene import Scene, random_scene

CROP = 64
"""Side of a training crop in pixels."""
KL_WEIGHT = 3e-4
L1_WEIGHT = 0.1
COLOR_WEIGHT = 0.02
"""Weight of a CIELAB distance of 1."""
FINE_SHAPES = ("star", "diamond", "ring", "cross")
"""Shapes with points, holes or arms, which are lost first and leave another shape."""
FINE_RADIUS = 0.22
"""Radius below which these details are lost, as a fraction of the shorter side."""
FINE_SHARE = 0.9
"""Share of the decoder stage's crops that must come from a scene with such a shape; chance adds more."""


def new_autoencoder() -> AutoencoderKL:
    """Returns an untrained autoencoder."""
    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(16, 32, 64, 64),
        layers_per_block=1,
        latent_channels=4,
        # The groups are few and wide. Narrow ones normalize away the colors that the last layers must distinguish.
        norm_num_groups=2,
        mid_block_add_attention=False,
        sample_size=128,
        scaling_factor=1.0,
        force_upcast=False,
    )


class AutoencoderObjective(nn.Module):
    """The loss of the autoencoder stage: squared error, some absolute error for flat areas, and the KL term."""

    def __init__(self, autoencoder: AutoencoderKL) -> None:
        super().__init__()
        self.autoencoder = autoencoder

    def forward(self, pixels: Tensor, noise: Tensor) -> Tensor:
        """Returns the mean loss. `pixels` are [B, 3, H, W] in [-1, 1], `noise` [B, 4, H/8, W/8] standard normal."""
        posterior = self.autoencoder.encode(pixels).latent_dist
        decoded = self.autoencoder.decode(posterior.mean + posterior.std * noise).sample
        error = decoded - pixels
        kl = 0.5 * (posterior.mean.square() + posterior.var - 1 - posterior.logvar).mean()
        loss: Tensor = error.square().mean() + L1_WEIGHT * error.abs().mean() + KL_WEIGHT * kl
        return loss


class DecoderObjective(nn.Module):
    """The loss of the decoder stage: squared error and CIELAB distance. The encoder is frozen."""

    def __init__(self, autoencoder: AutoencoderKL) -> None:
        super().__init__()
        self.autoencoder = autoencoder
        autoencoder.encoder.requires_grad_(False)
        autoencoder.quant_conv.requires_grad_(False)

    def forward(self, pixels: Tensor, noise: Tensor) -> Tensor:
        """Returns the mean loss. `pixels` are [B, 3, H, W] in [-1, 1], `noise` [B, 4, H/8, W/8] standard normal."""
        with torch.no_grad():
            posterior = self.autoencoder.encode(pixels).latent_dist
        decoded = self.autoencoder.decode(posterior.mean + posterior.std * noise).sample
        loss: Tensor = (decoded - pixels).square().mean() + COLOR_WEIGHT * distance(decoded, pixels).mean()
        return loss


def crop_batches(seed: int, fine_share: float = 0.0) -> BatchSource:
    """Returns batches of crops; `fine_share` of them come from scenes with a fine shape."""

    def batch(step: int, indices: range) -> Batch:
        crops, noise = [], []
        for index in indices:
            rng = sample_rng(seed, step, index)
            # Without a share there is no random draw, so that the autoencoder stage keeps its published samples.
            crops.append(random_crop(rng, fine=fine_share > 0 and rng.random() < fine_share))
            generator = torch.Generator().manual_seed(rng.getrandbits(62))
            noise.append(torch.randn(4, CROP // 8, CROP // 8, generator=generator))
        return {"pixels": to_tensor(np.stack(crops)), "noise": torch.stack(noise)}

    return batch


def random_crop(rng: random.Random, *, fine: bool = False) -> Pixels:
    """Returns a square of a training scene, in 80% of cases near an object's edge, since flat areas teach little.

    With `fine` the scene contains a small shape with details.
    """
    scene = random_scene(rng, *rng.choice(domain.SIZES))
    while fine and not has_fine_shape(scene):
        scene = random_scene(rng, *rng.choice(domain.SIZES))
    image = draw(scene)
    x, y = rng.uniform(0, scene.width), rng.uniform(0, scene.height)
    if rng.random() < 0.8:
        left, top, right, bottom = rng.choice(scene.objects).box
        x, y = rng.choice((left, right, rng.uniform(left, right))), rng.choice((top, bottom, rng.uniform(top, bottom)))
    jitter = CROP / 2
    x0 = min(max(round(x - CROP / 2 + rng.uniform(-jitter, jitter)), 0), scene.width - CROP)
    y0 = min(max(round(y - CROP / 2 + rng.uniform(-jitter, jitter)), 0), scene.height - CROP)
    return image[y0 : y0 + CROP, x0 : x0 + CROP]


def has_fine_shape(scene: Scene) -> bool:
    """Returns whether the scene contains a shape whose details a blurred decoder loses."""
    largest = FINE_RADIUS * min(scene.width, scene.height)
    return any(item.shape in FINE_SHAPES and item.radius < largest for item in scene.objects)


def to_tensor(images: NDArray[np.uint8]) -> Tensor:
    """Converts 8-bit images [B, H, W, 3] to floats [B, 3, H, W] in [-1, 1]."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1


def psnr_db(autoencoder: AutoencoderKL, images: NDArray[np.uint8]) -> float:
    """Returns the peak signal-to-noise ratio after encoding and decoding, in decibels, as the mean over the images."""
    ratios = []
    with torch.inference_mode():
        for image in images:
            pixels = to_tensor(image[None])
            decoded = autoencoder.decode(autoencoder.encode(pixels).latent_dist.mode()).sample
            error = (decoded.clamp(-1, 1) - pixels).square().mean().item() / 4
            ratios.append(-10 * float(np.log10(error)))
    return float(np.mean(ratios))
