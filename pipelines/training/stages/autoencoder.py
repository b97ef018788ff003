"""The autoencoder stage: images to latents, an eighth as wide and high, and back (AutoencoderKL).

Trained on 64-pixel crops, since it is fully convolutional: without attention what it learns holds at any size.
The weight of the KL term is also the price of noise: at the optimum the posterior's spread adds about half of it to
the mean squared error, so latents are as tolerant of the denoiser's errors as the wanted sharpness allows.

The decoder stage then goes on with the decoder alone, for as long as it gains: its latents stay as they are, and so the
UNet does not notice. There errors count as eyes count them. To a squared difference of RGB the halo of a pink star on
gray is next to nothing, and fills the star up to a diamond.
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
from pipelines.training.scenes import world
from pipelines.training.scenes.drawing import Pixels, draw
from pipelines.training.scenes.scene import Scene, random_scene

CROP = 64
KL_WEIGHT = 3e-4
L1_WEIGHT = 0.1
COLOUR_WEIGHT = 0.02
"""Of a CIELAB distance of 1."""
FINE_SHAPES = ("star", "diamond", "ring", "cross")
"""With points, holes and arms that are the first to be lost, and make another shape of it."""
FINE_RADIUS = 0.22
"""Of the shorter side, below which they are."""
FINE_SHARE = 0.9
"""Of the decoder stage's crops, for those of scenes with such a shape, beside what chance brings."""


def new_autoencoder() -> AutoencoderKL:
    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(16, 32, 64, 64),
        layers_per_block=1,
        latent_channels=4,
        # Few and wide groups: narrow ones normalise away the very colours that the last layers must tell apart.
        norm_num_groups=2,
        mid_block_add_attention=False,
        sample_size=128,
        scaling_factor=1.0,
        force_upcast=False,
    )


class AutoencoderObjective(nn.Module):
    """Mean squared error, a little of its absolute value for flat areas, and the KL term."""

    def __init__(self, autoencoder: AutoencoderKL) -> None:
        super().__init__()
        self.autoencoder = autoencoder

    def forward(self, pixels: Tensor, noise: Tensor) -> Tensor:
        """`pixels` [B, 3, H, W] in [-1, 1]; `noise` [B, 4, H/8, W/8], standard normal."""
        posterior = self.autoencoder.encode(pixels).latent_dist
        decoded = self.autoencoder.decode(posterior.mean + posterior.std * noise).sample
        error = decoded - pixels
        kl = 0.5 * (posterior.mean.square() + posterior.var - 1 - posterior.logvar).mean()
        loss: Tensor = error.square().mean() + L1_WEIGHT * error.abs().mean() + KL_WEIGHT * kl
        return loss


class DecoderObjective(nn.Module):
    """Mean squared error and CIELAB distance of what comes back; the encoder stays as it is."""

    def __init__(self, autoencoder: AutoencoderKL) -> None:
        super().__init__()
        self.autoencoder = autoencoder
        autoencoder.encoder.requires_grad_(False)
        autoencoder.quant_conv.requires_grad_(False)

    def forward(self, pixels: Tensor, noise: Tensor) -> Tensor:
        """`pixels` [B, 3, H, W] in [-1, 1]; `noise` [B, 4, H/8, W/8], standard normal."""
        with torch.no_grad():
            posterior = self.autoencoder.encode(pixels).latent_dist
        decoded = self.autoencoder.decode(posterior.mean + posterior.std * noise).sample
        loss: Tensor = (decoded - pixels).square().mean() + COLOUR_WEIGHT * distance(decoded, pixels).mean()
        return loss


def crop_batches(seed: int, fine_share: float = 0.0) -> BatchSource:
    """Crops, of which `fine_share` are of scenes with a fine shape."""

    def batch(step: int, indices: range) -> Batch:
        crops, noise = [], []
        for index in indices:
            rng = sample_rng(seed, step, index)
            # No lot is drawn where none is asked for, so that the autoencoder stage keeps its published samples.
            crops.append(random_crop(rng, fine=fine_share > 0 and rng.random() < fine_share))
            generator = torch.Generator().manual_seed(rng.getrandbits(62))
            noise.append(torch.randn(4, CROP // 8, CROP // 8, generator=generator))
        return {"pixels": to_tensor(np.stack(crops)), "noise": torch.stack(noise)}

    return batch


def random_crop(rng: random.Random, *, fine: bool = False) -> Pixels:
    """A square of a training scene, near an object's edge four times in five: flat areas teach little."""
    scene = random_scene(rng, *rng.choice(world.SIZES))
    while fine and not _has_fine_shape(scene):
        scene = random_scene(rng, *rng.choice(world.SIZES))
    image = draw(scene)
    x, y = rng.uniform(0, scene.width), rng.uniform(0, scene.height)
    if rng.random() < 0.8:
        left, top, right, bottom = rng.choice(scene.things).box
        x, y = rng.choice((left, right, rng.uniform(left, right))), rng.choice((top, bottom, rng.uniform(top, bottom)))
    jitter = CROP / 2
    x0 = min(max(round(x - CROP / 2 + rng.uniform(-jitter, jitter)), 0), scene.width - CROP)
    y0 = min(max(round(y - CROP / 2 + rng.uniform(-jitter, jitter)), 0), scene.height - CROP)
    return image[y0 : y0 + CROP, x0 : x0 + CROP]


def _has_fine_shape(scene: Scene) -> bool:
    largest = FINE_RADIUS * min(scene.width, scene.height)
    return any(thing.shape in FINE_SHAPES and thing.radius < largest for thing in scene.things)


def to_tensor(images: NDArray[np.uint8]) -> Tensor:
    """[B, H, W, 3] of bytes to [B, 3, H, W] in [-1, 1]."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1


def psnr_db(autoencoder: AutoencoderKL, images: NDArray[np.uint8]) -> float:
    """Mean over the images of the peak signal-to-noise ratio of encode and decode, in decibels."""
    ratios = []
    with torch.inference_mode():
        for image in images:
            pixels = to_tensor(image[None])
            decoded = autoencoder.decode(autoencoder.encode(pixels).latent_dist.mode()).sample
            error = (decoded.clamp(-1, 1) - pixels).square().mean().item() / 4
            ratios.append(-10 * float(np.log10(error)))
    return float(np.mean(ratios))
