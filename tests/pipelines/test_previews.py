"""The linear look at latents."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
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

    rgb_image = previews.given(MATRIX).draw(latents)

    row = bytes([128, 128, 128]) * UPSCALE + bytes([153, 128, 128]) * UPSCALE
    assert rgb_image.pixels == row * UPSCALE


def test_colours_beyond_the_range_are_cut() -> None:
    rgb_image = previews.given(MATRIX).draw(torch.full((1, 4, 1, 1), 100.0))

    assert rgb_image.pixels[:3] == bytes([255, 255, 255])


def vae_config(scaling_factor: float, widths: tuple[int, ...] = (128, 256, 512, 512)) -> SimpleNamespace:
    return SimpleNamespace(latent_channels=4, block_out_channels=widths, scaling_factor=scaling_factor)


@pytest.mark.parametrize(
    ("scaling_factor", "colour_of_nothing", "colour_of_the_first_channel"),
    [(0.18215, (128, 128, 128), (165, 154, 154)), (0.13025, (150, 140, 130), (210, 200, 190))],
)
def test_stable_diffusions_maps_are_known(
    scaling_factor: float, colour_of_nothing: tuple[int, ...], colour_of_the_first_channel: tuple[int, ...]
) -> None:
    known = previews.known(vae_config(scaling_factor))
    latents = torch.zeros(1, 4, 1, 2)
    latents[0, 0, 0, 1] = 1.0

    assert known is not None
    pixels = known.draw(latents).pixels
    assert tuple(pixels[:3]) == colour_of_nothing
    assert tuple(pixels[3 * UPSCALE : 3 * UPSCALE + 3]) == colour_of_the_first_channel


def test_other_autoencoders_are_not_taken_for_stable_diffusions() -> None:
    assert previews.known(vae_config(0.18215, widths=(8, 8, 8, 8))) is None
    assert previews.known(vae_config(0.5)) is None
