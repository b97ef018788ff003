"""Images to start from, and their masks: from pixels to latents, in the order of draws that diffusers' pipelines have.

A mask is brought to the size of the latents by its nearest pixels, and a value of half or more repaints, as there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 -- its usual name
from torch import Tensor

from pipelines.interface import InputPixels
from pipelines.runtime.latent_encoder import LatentEncoder, Posterior
from pipelines.sampling.sampler_run import Steps
from pipelines.transfers import upload


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """Implements `interface.EncodedInput`: what images that start from one upload share. On the CPU."""

    image: Posterior
    mask: Tensor | None
    """[1, 1, h, w], bool: where to repaint. None repaints everything."""
    kept: Posterior | None
    """The image without what the mask repaints, for models whose UNet reads it; None for others."""

    @property
    def nbytes(self) -> int:
        mask_bytes = 0 if self.mask is None else self.mask.nbytes
        return self.image.nbytes + mask_bytes + (0 if self.kept is None else self.kept.nbytes)


@dataclass(frozen=True, slots=True)
class Repainting:
    """The part of an image that its mask keeps, for a model whose UNet does not read it."""

    mask: Tensor
    """[1, 1, h, w], bool: where to repaint."""
    clean: Tensor
    """[1, C, h, w]: the latents of the image to start from."""
    noise: Tensor
    """[1, C, h, w]: the image's initial noise."""

    def blend(self, latents: Tensor, steps: Steps, position: int) -> Tensor:
        """Return latents whose kept part is that of the image to start from, with the noise before that call."""
        return torch.where(self.mask, latents, steps.noised(self.clean, self.noise, position))

    def moved(self, move: Callable[[Tensor], Tensor]) -> Repainting:
        """Return this with its tensors where `move` brings them."""
        return Repainting(move(self.mask), move(self.clean), move(self.noise))


@dataclass(frozen=True, slots=True)
class Start:
    """The latents and the other inputs with which an image begins. On the CPU."""

    latents: Tensor
    """[1, C, h, w], at the sampler's scale."""
    repainting: Repainting | None = None
    concatenated: Tensor | None = None
    """[1 or rows, channels, h, w]: what the UNet reads beside the latents, for all of the image's rows or for each.

    That is the mask and the latents of what stays, or the latents of the image that is edited.
    """

    def on(self, device: torch.device) -> Start:
        """Return this with what later calls need on the device. The latents stay on the CPU."""
        concatenated = self.concatenated
        return Start(
            self.latents,
            self.repainting and self.repainting.moved(lambda each: upload(each, device)),
            None if concatenated is None else upload(concatenated, device),
        )


def encode(
    encoder: LatentEncoder,
    pixels: Sequence[Sequence[InputPixels]],
    *,
    scale: int,
    reads_kept: bool,
    tiled: bool = False,
) -> list[EncodedImage]:
    """Encode images of one size, each with its mask if it has one, in one call of the autoencoder.

    `scale` is the number of pixels per latent. `reads_kept` says that the UNet reads what the mask leaves. `tiled` is
    that of `LatentEncoder.encode`. Raises `NonFiniteError` with the positions of the images whose numbers overflow.
    """
    images = torch.cat([_to_tensor(image) * 2 - 1 for image, *_ in pixels])
    masks = [_to_tensor(each[1]) >= 0.5 if each[1:] else None for each in pixels]
    owners = [n for n, mask in enumerate(masks) if mask is not None and reads_kept]
    kept = [images[n : n + 1] * ~masks[n] for n in owners]  # type: ignore[operator]  # owners have a mask
    posterior = encoder.encode(torch.cat([images, *kept]), owners=[*range(len(images)), *owners], tiled=tiled)
    rows = {owner: posterior.row(len(images) + index) for index, owner in enumerate(owners)}
    return [
        EncodedImage(posterior.row(n), None if mask is None else _to_latents(mask, scale), rows.get(n))
        for n, mask in enumerate(masks)
    ]


def start(
    steps: Steps, encoded: EncodedImage, generator: torch.Generator, *, strength: float, reads_kept: bool
) -> Start:
    """Draw the latents with which an image begins that starts from another one.

    Draws the sample of the image, the noise and, with a mask, the sample of what stays; a UNet that reads what stays
    takes no sample of the image at full strength. With a mask at full strength, nothing but noise is left of the image.
    """
    whole = encoded.mask is not None and strength == 1.0
    if whole and reads_kept:
        noise = torch.randn(encoded.image.mean.shape, generator=generator)
        clean = None
    else:
        clean = encoded.image.sample(generator)
        noise = torch.randn(clean.shape, generator=generator)
    latents = steps.from_noise(noise) if whole or clean is None else steps.noised(clean, noise)
    if encoded.mask is None:
        return Start(latents)
    if reads_kept:
        assert encoded.kept is not None, "what stays was encoded, because the UNet reads it"
        return Start(latents, concatenated=torch.cat([encoded.mask.float(), encoded.kept.sample(generator)], 1))
    torch.randn(noise.shape, generator=generator)  # Diffusers draws what this UNet does not read.
    assert clean is not None, "this UNet takes a sample of the image"
    return Start(latents, Repainting(encoded.mask, clean, noise))


def start_edit(steps: Steps, clean: Tensor, generator: torch.Generator, *, rows: int) -> Start:
    """Draw the noise with which an edit begins. `clean` is the image, [1, C, h, w], as the autoencoder gives it.

    All rows read the image but the first of three, which reads zeros.
    """
    noise = torch.randn(clean.shape, generator=generator)
    concatenated = torch.cat([torch.zeros_like(clean), clean, clean]) if rows == 3 else clean
    return Start(steps.from_noise(noise), concatenated=concatenated)


def _to_tensor(pixels: InputPixels) -> Tensor:
    """Return [1, channels, height, width], float32 from 0 to 1."""
    numbers = torch.frombuffer(bytearray(pixels.pixels), dtype=torch.uint8)
    return numbers.view(1, pixels.height, pixels.width, pixels.channels).permute(0, 3, 1, 2).float() / 255


def _to_latents(mask: Tensor, scale: int) -> Tensor:
    """Bring a mask [1, 1, H, W] to the size of the latents."""
    size = (mask.shape[2] // scale, mask.shape[3] // scale)
    return F.interpolate(mask.float(), size=size) > 0
