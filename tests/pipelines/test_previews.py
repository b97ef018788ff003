"""The linear look at latents."""

from __future__ import annotations

import torch
from torch import Tensor

from pipelines import previews
from pipelines.previews import UPSCALE

MATRIX = [[0.1, 0.0, 0.0], [0.0, 0.1, 0.0], [0.0, 0.0, 0.1], [0.05, -0.05, 0.0], [0.5, 0.5, 0.5]]


def decode(latents: Tensor) -> Tensor:
    """An autoencoder that happens to be linear, eight pixels to a latent."""
    colours = (
        torch.einsum("bchw,cd->bdhw", latents, torch.tensor(MATRIX[:-1])) + torch.tensor(MATRIX[-1])[:, None, None]
    )
    return (colours * 2 - 1).repeat_interleave(8, 2).repeat_interleave(8, 3)


def test_a_fitted_map_is_the_autoencoders_where_that_is_linear() -> None:
    latents = torch.randn(1, 4, 6, 5, generator=torch.Generator("cpu").manual_seed(1))

    fitted, given = previews.fit(decode, channels=4).draw(latents), previews.given(MATRIX).draw(latents)

    differences = [abs(a - b) for a, b in zip(fitted.pixels, given.pixels, strict=True)]
    assert max(differences) <= 1
    assert (fitted.width, fitted.height) == (5 * UPSCALE, 6 * UPSCALE)


def test_a_latent_becomes_a_square_of_its_colour() -> None:
    latents = torch.zeros(1, 4, 1, 2)
    latents[0, 0, 0, 1] = 1.0

    raster = previews.given(MATRIX).draw(latents)

    row = bytes([128, 128, 128]) * UPSCALE + bytes([153, 128, 128]) * UPSCALE
    assert raster.pixels == row * UPSCALE


def test_colours_beyond_the_range_are_cut() -> None:
    raster = previews.given(MATRIX).draw(torch.full((1, 4, 1, 1), 100.0))

    assert raster.pixels[:3] == bytes([255, 255, 255])
