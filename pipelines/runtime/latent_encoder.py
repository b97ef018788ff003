"""The encoder of an autoencoder: images to the distribution of their latents, at once or in parts, wider if need be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import torch
from torch import Tensor

from pipelines.errors import NonFiniteError
from pipelines.runtime.batching import Batching
from pipelines.runtime.latent_decoder import DECODING_PARTS, AutoencoderHalf, normalization, pixels_per_latent
from pipelines.runtime.tiling import encode_in_tiles

_LOG_VARIANCES: Final = (-30.0, 20.0)
"""Limits of the logarithm of a variance, as diffusers has them."""


@dataclass(frozen=True, slots=True)
class Posterior:
    """The normal distribution of an image's latents, at the UNet's scale."""

    mean: Tensor
    """[B, C, h, w], float32 on the CPU."""
    deviation: Tensor
    """[B, C, h, w], float32 on the CPU."""

    @property
    def nbytes(self) -> int:
        return self.mean.nbytes + self.deviation.nbytes

    def row(self, index: int) -> Posterior:
        """Return a copy of the distribution of one image, which does not hold the others in memory."""
        return Posterior(self.mean[index : index + 1].clone(), self.deviation[index : index + 1].clone())

    def sample(self, generator: torch.Generator) -> Tensor:
        """Draw latents [B, C, h, w]. Takes one tensor of that shape from the generator, as diffusers does."""
        return self.mean + self.deviation * torch.randn(self.mean.shape, generator=generator)


class LatentEncoder:
    """Encodes batches of images of one size."""

    def __init__(self, vae: Any, batching: Batching, *, max_pixels: int | None = None) -> None:
        """Take a diffusers.AutoencoderKL. `max_pixels` is the most pixels that it encodes at once; None is no limit."""
        self._scaling_factor = vae.config.scaling_factor
        self._half = AutoencoderHalf(
            vae,
            batching,
            call=_call,
            in_tiles=partial(encode_in_tiles, scale=pixels_per_latent(vae)),
            cell=1,
            other_half=DECODING_PARTS,
            max_pixels=max_pixels,
        )
        self._deviation, self._mean = normalization(vae.config, torch.device("cpu"))

    @torch.inference_mode()
    def encode(self, images: Tensor, owners: Sequence[int] | None = None, *, tiled: bool = False) -> Posterior:
        """Encode images [B, 3, H, W] in -1 to 1, and wait for the result.

        An image whose numbers overflow is encoded once more, in the next wider dtype. Raises `NonFiniteError` with the
        positions of those that overflow there, too. `owners` has other positions to name instead. `tiled` encodes one
        image after another, in tiles.
        """
        mean, deviation = self._encode(images, wide=False, tiled=tiled)
        bad = _overflown(mean, deviation)
        if bad:
            mean[bad], deviation[bad] = self._encode(images[bad], wide=True, tiled=tiled)
            bad = _overflown(mean, deviation)
        if bad:
            raise NonFiniteError(tuple(sorted({owners[n] if owners else n for n in bad})))
        return Posterior(mean, deviation)

    def unscaled_mean(self, posterior: Posterior) -> Tensor:
        """Return the mean [B, C, h, w] as the autoencoder gives it, and not at the UNet's scale."""
        mean: Tensor = posterior.mean * self._deviation / self._scaling_factor + self._mean
        return mean

    def _encode(self, images: Tensor, *, wide: bool, tiled: bool) -> tuple[Tensor, Tensor]:
        """Return mean and deviation at the UNet's scale."""
        mean, log_variance = self._half.run(images, wide=wide, tiled=tiled).float().cpu().chunk(2, dim=1)
        factor = self._scaling_factor / self._deviation
        return (mean - self._mean) * factor, torch.exp(0.5 * log_variance.clamp(*_LOG_VARIANCES)) * factor


def _call(vae: Any, images: Tensor) -> Tensor:
    """Return the mean and the logarithm of the variance, [B, 2C, h, w]."""
    distribution = vae.encode(images.contiguous(memory_format=torch.channels_last), return_dict=False)[0]
    parameters: Tensor = distribution.parameters
    return parameters


def _overflown(mean: Tensor, deviation: Tensor) -> list[int]:
    """Return the positions of the images that have a number that is not finite."""
    sound = (mean + deviation).flatten(1).isfinite().all(1)
    return [position for position, is_sound in enumerate(sound.tolist()) if not is_sound]
