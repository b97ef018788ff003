"""Previews map latents to colors linearly, with a fitted, a given or a published map."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from pipelines.families import previews
from pipelines.families.previews import UPSCALE

MATRIX = [[0.1, 0.0, 0.0], [0.0, 0.1, 0.0], [0.0, 0.0, 0.1], [0.05, -0.05, 0.0], [0.5, 0.5, 0.5]]


def decode(latents: Tensor) -> Tensor:
    """An autoencoder that is linear, with eight pixels per latent."""
    colors = torch.einsum("bchw,cd->bdhw", latents, torch.tensor(MATRIX[:-1])) + torch.tensor(MATRIX[-1])[:, None, None]
    return (colors * 2 - 1).repeat_interleave(8, 2).repeat_interleave(8, 3)


def test_fitting_recovers_the_map_of_a_linear_autoencoder() -> None:
    latents = torch.randn(1, 4, 6, 5, generator=torch.Generator("cpu").manual_seed(1))

    fitted, original = previews.fit(decode, channels=4).draw(latents), previews.from_rows(MATRIX).draw(latents)

    differences = [abs(a - b) for a, b in zip(fitted.pixels, original.pixels, strict=True)]
    assert max(differences) <= 1
    assert (fitted.width, fitted.height) == (5 * UPSCALE, 6 * UPSCALE)


def test_a_latent_becomes_a_square_of_its_color() -> None:
    latents = torch.zeros(1, 4, 1, 2)
    latents[0, 0, 0, 1] = 1.0

    image = previews.from_rows(MATRIX).draw(latents)

    row = bytes([128, 128, 128]) * UPSCALE + bytes([153, 128, 128]) * UPSCALE
    assert image.pixels == row * UPSCALE


def test_colors_beyond_the_range_are_clamped() -> None:
    image = previews.from_rows(MATRIX).draw(torch.full((1, 4, 1, 1), 100.0))

    assert image.pixels[:3] == bytes([255, 255, 255])


def vae_config(scaling_factor: float, widths: tuple[int, ...] = (128, 256, 512, 512)) -> SimpleNamespace:
    return SimpleNamespace(latent_channels=4, block_out_channels=widths, scaling_factor=scaling_factor)


@pytest.mark.parametrize(
    ("scaling_factor", "color_of_zeros", "color_of_the_first_channel"),
    [(0.18215, (128, 128, 128), (165, 154, 154)), (0.13025, (150, 140, 130), (210, 200, 190))],
)
def test_stable_diffusions_autoencoders_get_the_published_maps(
    scaling_factor: float, color_of_zeros: tuple[int, ...], color_of_the_first_channel: tuple[int, ...]
) -> None:
    preview = previews.published(vae_config(scaling_factor))
    latents = torch.zeros(1, 4, 1, 2)
    latents[0, 0, 0, 1] = 1.0

    assert preview is not None
    pixels = preview.draw(latents).pixels
    assert tuple(pixels[:3]) == color_of_zeros
    assert tuple(pixels[3 * UPSCALE : 3 * UPSCALE + 3]) == color_of_the_first_channel


def test_other_autoencoders_have_no_published_map() -> None:
    assert previews.published(vae_config(0.18215, widths=(8, 8, 8, 8))) is None
    assert previews.published(vae_config(0.5)) is None
