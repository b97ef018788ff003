"""The latents that train the diffusion stage: scenes are drawn and encoded once, and captioned anew at every use.

Scene i of a set depends on the seed and i only, so only latents are stored: for each size one safetensors file with the
scenes and one with the corruptions of the first scenes.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import torch
from diffusers import AutoencoderKL
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.utils.data import Dataset
from tqdm import tqdm

from pipelines.training.loop import data_loader
from pipelines.training.scenes import domain
from pipelines.training.scenes.corruptions import corrupt
from pipelines.training.scenes.drawing import draw
from pipelines.training.scenes.scene import Scene, random_scene
from pipelines.training.stages.autoencoder import to_tensor

SIZE_SHARES = (0.5, 0.25, 0.25)
"""Share of the samples for each of `domain.SIZES`."""
_BATCH: Final = 32
"""Scenes that are encoded together."""


@dataclass(frozen=True, slots=True)
class SceneSource:
    """Creates the training scenes of one size, and one corruption of each."""

    width: int
    height: int
    seed: int

    def scene(self, index: int) -> Scene:
        rng = random.Random(f"{self.seed}/{self.width}x{self.height}/{index}")
        return random_scene(rng, self.width, self.height, domain.TRAINING_GAP)

    def corrupted(self, index: int) -> Scene:
        return self.corruption(index)[1]

    def corruption(self, index: int) -> tuple[str, Scene]:
        """Returns the kind of error and the corrupted scene."""
        # The last word is part of a random seed: another one gives other corruptions, and so other weights.
        return corrupt(self.scene(index), random.Random(f"{self.seed}/{self.width}x{self.height}/{index}/slip"))


@dataclass(frozen=True, slots=True)
class LatentSet:
    """Latents of one size in half precision, and the source of their scenes."""

    scenes: SceneSource
    latents: Tensor
    """[N, 4, H/8, W/8]"""
    corrupted: Tensor
    """[M, 4, H/8, W/8]: the corruptions of the first M scenes."""


class _Drawn(Dataset[Tensor]):
    """Drawn scenes as the autoencoder takes them, for torch's DataLoader."""

    def __init__(self, scene_of: Callable[[int], Scene]) -> None:
        self._scene_of = scene_of

    def __getitem__(self, index: int) -> Tensor:
        return to_tensor(draw(self._scene_of(index))[None])[0]


def latent_sets(
    autoencoder: AutoencoderKL, folder: Path, scenes: int, corruptions: int, seed: int, workers: int = 0
) -> list[LatentSet]:
    """Returns the sets of all sizes, and encodes those that `folder` does not contain yet.

    `scenes` and `corruptions` are totals over all sizes; there must not be more corruptions than scenes. `workers`
    processes draw the scenes; with none, this one does.
    """
    folder.mkdir(parents=True, exist_ok=True)

    def load_or_encode(name: str, scene_of: Callable[[int], Scene], count: int) -> Tensor:
        file = folder / f"{name}.safetensors"
        if not file.exists():
            save_file({"latents": _encode(autoencoder, scene_of, count, workers)}, file)
        return load_file(file)["latents"]

    sets = []
    for (width, height), share in zip(domain.SIZES, SIZE_SHARES, strict=True):
        source, name = SceneSource(width, height, seed), f"{width}x{height}"
        latents = load_or_encode(name, source.scene, round(scenes * share))
        corrupted = load_or_encode(f"{name}-corruptions", source.corrupted, round(corruptions * share))
        sets.append(LatentSet(source, latents, corrupted))
    return sets


def _encode(autoencoder: AutoencoderKL, scene_of: Callable[[int], Scene], count: int, workers: int = 0) -> Tensor:
    autoencoder = cast(AutoencoderKL, autoencoder.to(memory_format=torch.channels_last).eval())
    device = next(autoencoder.parameters()).device
    drawn = data_loader(_Drawn(scene_of), range(count), batch_size=_BATCH, workers=workers)
    with torch.inference_mode():
        parts = [
            autoencoder.encode(pixels.to(device, memory_format=torch.channels_last)).latent_dist.mode().half().cpu()
            for pixels in tqdm(drawn, desc="encoding", mininterval=5)
        ]
    return torch.cat(parts).contiguous()


def fold_statistics(autoencoder: AutoencoderKL, images: int, seed: int) -> None:
    """Centers the latents and scales each channel by its sensitivity, by changing the 1x1 quant convolutions in place.

    Diffusers applies one scaling factor and no shift. Afterwards a factor of one is right: the mean square over all
    channels is 1. An error of a given size then changes the image equally in every channel, so the diffusion loss,
    which weighs all channels alike, spends no effort on a channel that the decoder hardly uses.
    """
    latents = _encode(autoencoder, SceneSource(*domain.SIZES[0], seed).scene, images).float()
    mean, spread = latents.mean(dim=(0, 2, 3)), latents.std(dim=(0, 2, 3))
    sensitivity = channel_sensitivity(autoencoder, latents, spread)
    gain = sensitivity / sensitivity.square().mean().sqrt() / spread
    channels = len(mean)
    encoder_conv, decoder_conv = autoencoder.quant_conv, autoencoder.post_quant_conv
    with torch.no_grad():
        decoder_conv.bias += (decoder_conv.weight[:, :, 0, 0] * mean).sum(dim=1)
        decoder_conv.weight /= gain.view(1, -1, 1, 1)
        encoder_conv.bias[:channels] -= mean
        encoder_conv.weight[:channels] *= gain.view(-1, 1, 1, 1)
        encoder_conv.bias[:channels] *= gain
        encoder_conv.bias[channels:] += 2 * gain.log()


def channel_sensitivity(autoencoder: AutoencoderKL, latents: Tensor, spread: Tensor) -> Tensor:
    """Returns how much the decoded image changes, in root mean square, when noise is added to each channel.

    The noise has 0.3 times the channel's spread. `latents` are [N, C, h, w] and `spread` is [C]; the result is [C].
    """
    generator = torch.Generator().manual_seed(0)
    squares = []
    with torch.inference_mode():
        for part in torch.split(latents, 32):
            clean = autoencoder.decode(part).sample
            perturbation = torch.randn(part.shape, generator=generator) * 0.3 * spread.view(1, -1, 1, 1)
            for channel in range(len(spread)):
                perturbed = part.clone()
                perturbed[:, channel] += perturbation[:, channel]
                squares.append((autoencoder.decode(perturbed).sample - clean).square().mean())
    return torch.stack(squares).view(-1, len(spread)).mean(dim=0).sqrt()
