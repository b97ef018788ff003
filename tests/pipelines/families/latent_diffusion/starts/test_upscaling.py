"""Upscalers enlarge each image alone, and Lanczos' filter is that of PIL."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from pipelines.families.latent_diffusion.starts.upscaling import enlarge
from pipelines.upscalers import UPSCALERS, Upscaler

every_upscaler = pytest.mark.parametrize("upscaler", UPSCALERS.values(), ids=lambda upscaler: upscaler.name)


@every_upscaler
def test_an_image_is_enlarged_alike_beside_others(upscaler: Upscaler) -> None:
    images = torch.randn(3, 4, 8, 6, generator=torch.Generator("cpu").manual_seed(0))

    together = enlarge(images, upscaler, 12, 15)

    assert together.shape == (3, 4, 12, 15)
    torch.testing.assert_close(together[1:2], enlarge(images[1:2], upscaler, 12, 15))


@every_upscaler
def test_a_uniform_field_stays_uniform(upscaler: Upscaler) -> None:
    enlarged = enlarge(torch.full((1, 3, 8, 8), 0.7), upscaler, 20, 12)

    torch.testing.assert_close(enlarged, torch.full((1, 3, 20, 12), 0.7))


@pytest.mark.parametrize("size", [(40, 56), (16, 12)], ids=str)
def test_lanczos_is_that_of_pil(size: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).random((24, 18), np.float32)

    ours = enlarge(torch.from_numpy(pixels)[None, None], UPSCALERS["decoded"], *size)[0, 0]

    theirs = Image.fromarray(pixels).resize(size[::-1], Image.Resampling.LANCZOS)
    np.testing.assert_allclose(ours.numpy(), np.asarray(theirs), atol=1e-5)
