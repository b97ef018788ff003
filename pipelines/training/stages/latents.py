"""The latents that the diffusion stage learns from: scenes drawn and encoded once, captioned anew at every use.

Scene i of a set depends on the seed and i alone, so only latents are kept on disk, two safetensors files a size: of
the scenes, and of the first ones' slips.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from diffusers import AutoencoderKL
from safetensors.torch import load_file, save_file
from torch import Tensor
from tqdm import tqdm

from pipelines.training.scenes import world
from pipelines.training.scenes.corruptions import slip
from pipelines.training.scenes.drawing import draw
from pipelines.training.scenes.scene import Scene, random_scene
from pipelines.training.stages.autoencoder import to_tensor

SHARES = (0.5, 0.25, 0.25)
"""Of the samples, for each of `world.SIZES`."""


@dataclass(frozen=True, slots=True)
class Scenes:
    """The training scenes of one size, and each one's slip."""

    width: int
    height: int
    seed: int

    def scene(self, index: int) -> Scene:
        rng = random.Random(f"{self.seed}/{self.width}x{self.height}/{index}")
        return random_scene(rng, self.width, self.height, world.LEARNT_GAP)

    def slipped(self, index: int) -> Scene:
        return self.slip(index)[1]

    def slip(self, index: int) -> tuple[str, Scene]:
        """What is wrong, and all of the scene."""
        return slip(self.scene(index), random.Random(f"{self.seed}/{self.width}x{self.height}/{index}/slip"))


@dataclass(frozen=True, slots=True)
class LatentSet:
    """Latents of one size in half precision, and how their scenes are made again."""

    scenes: Scenes
    latents: Tensor
    """[N, 4, H/8, W/8]"""
    slips: Tensor
    """[M, 4, H/8, W/8], of the first scenes."""


def latent_sets(autoencoder: AutoencoderKL, folder: Path, scenes: int, slips: int, seed: int) -> list[LatentSet]:
    """Encode what `folder` does not hold yet; `scenes` and `slips`, no more than these, over all sizes."""
    folder.mkdir(parents=True, exist_ok=True)

    def encoded(name: str, scene_of: Callable[[int], Scene], count: int) -> Tensor:
        file = folder / f"{name}.safetensors"
        if not file.exists():
            save_file({"latents": _encode(autoencoder, scene_of, count)}, file)
        return load_file(file)["latents"]

    sets = []
    for (width, height), share in zip(world.SIZES, SHARES, strict=True):
        source, name = Scenes(width, height, seed), f"{width}x{height}"
        latents = encoded(name, source.scene, round(scenes * share))
        slipped = encoded(f"{name}-slips", source.slipped, round(slips * share))
        sets.append(LatentSet(source, latents, slipped))
    return sets


def _encode(autoencoder: AutoencoderKL, scene_of: Callable[[int], Scene], count: int, batch: int = 32) -> Tensor:
    autoencoder = cast(AutoencoderKL, autoencoder.to(memory_format=torch.channels_last).eval())
    device = next(autoencoder.parameters()).device
    parts = []
    with torch.inference_mode():
        for start in tqdm(range(0, count, batch), desc="encoding", mininterval=5):
            images = np.stack([draw(scene_of(index)) for index in range(start, min(start + batch, count))])
            parts.append(autoencoder.encode(to_tensor(images).to(device)).latent_dist.mode().half().cpu())
    return torch.cat(parts).contiguous()


def fold_statistics(autoencoder: AutoencoderKL, images: int, seed: int) -> None:
    """Centre the latents and give each channel a spread after its worth, by way of the 1x1 quant convolutions.

    Diffusers applies one scaling factor and no shift; after this, a factor of one is right: over all channels the
    mean square is 1. An error of a given size costs the image the same in whichever channel it is made, so the
    diffusion loss, which counts them alike, does not labour at a channel that the decoder hardly looks at.
    """
    latents = _encode(autoencoder, Scenes(*world.SIZES[0], seed).scene, images).float()
    mean, spread = latents.mean(dim=(0, 2, 3)), latents.std(dim=(0, 2, 3))
    worth = channel_worth(autoencoder, latents, spread)
    gain = worth / worth.square().mean().sqrt() / spread
    channels = len(mean)
    into, out = autoencoder.quant_conv, autoencoder.post_quant_conv
    with torch.no_grad():
        out.bias += (out.weight[:, :, 0, 0] * mean).sum(dim=1)
        out.weight /= gain.view(1, -1, 1, 1)
        into.bias[:channels] -= mean
        into.weight[:channels] *= gain.view(-1, 1, 1, 1)
        into.bias[:channels] *= gain
        into.bias[channels:] += 2 * gain.log()


def channel_worth(autoencoder: AutoencoderKL, latents: Tensor, spread: Tensor) -> Tensor:
    """How far the decoded image moves, in root mean square, when a channel is shaken by three tenths of its spread.

    `latents` [N, C, h, w], `spread` [C]; returns [C].
    """
    generator = torch.Generator().manual_seed(0)
    squares = []
    with torch.inference_mode():
        for part in torch.split(latents, 32):
            clean = autoencoder.decode(part).sample
            shaken = torch.randn(part.shape, generator=generator) * 0.3 * spread.view(1, -1, 1, 1)
            for channel in range(len(spread)):
                moved = part.clone()
                moved[:, channel] += shaken[:, channel]
                squares.append((autoencoder.decode(moved).sample - clean).square().mean())
    return torch.stack(squares).view(-1, len(spread)).mean(dim=0).sqrt()
