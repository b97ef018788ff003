"""Tiles have one size, overlap enough, cover the image, and fade into each other without a seam."""

from __future__ import annotations

import itertools

import pytest
import torch
from diffusers import AutoencoderKL
from torch import Tensor

from pipelines.runtime.tiling import TILE, decode_in_tiles, encode_in_tiles

SCALE = 8


def enlarge(latents: Tensor) -> Tensor:
    """A decoder that looks at no surroundings: each latent becomes a square of its own colors."""
    return latents[:, :3].repeat_interleave(SCALE, 2).repeat_interleave(SCALE, 3)


@pytest.mark.parametrize("size", [(8, 8), (9, 8), (13, 30), (8, 17), (3, 40)])
def test_a_decoder_without_surroundings_makes_the_same_image_in_tiles(size: tuple[int, int]) -> None:
    latents = torch.randn(2, 4, *size, generator=torch.Generator("cpu").manual_seed(0))

    tiled = decode_in_tiles(enlarge, latents, scale=SCALE, tile=8)

    torch.testing.assert_close(tiled, enlarge(latents))


@pytest.mark.parametrize("width", [*range(1, 130), 192, 255, 512])
def test_tiles_are_as_few_as_overlap_by_a_quarter_and_none_is_a_strip(width: int) -> None:
    tiles: list[tuple[int, int]] = []

    def record(latents: Tensor) -> Tensor:
        """Each latent holds its own column."""
        tiles.append((int(latents[0, 0, 0, 0]), latents.shape[3]))
        return enlarge(latents)

    decode_in_tiles(record, torch.arange(width).float().expand(1, 3, 1, width), scale=SCALE)

    assert {columns for _, columns in tiles} == {min(width, TILE)}
    assert all(start + TILE - following >= TILE // 4 for (start, _), (following, _) in itertools.pairwise(tiles))
    assert (len(tiles) - 2) * (TILE * 3 // 4) + TILE < width or len(tiles) == 1


def test_one_tile_fades_into_the_next() -> None:
    shades = iter([0.0, 1.0])

    def paint(latents: Tensor) -> Tensor:
        return torch.full_like(enlarge(latents), next(shades))

    row = decode_in_tiles(paint, torch.zeros(1, 3, 8, 14), scale=SCALE, tile=8)[0, 0, 0]

    overlap = row[6 * SCALE : 8 * SCALE]
    torch.testing.assert_close(overlap, (torch.arange(2 * SCALE) + 0.5) / (2 * SCALE))
    assert set(row[: 6 * SCALE].tolist()) == {0.0}
    assert set(row[8 * SCALE :].tolist()) == {1.0}


def test_tiles_match_those_of_diffusers_where_both_cut_alike() -> None:
    torch.manual_seed(0)
    autoencoder = AutoencoderKL(
        block_out_channels=(8, 8, 8, 8),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        norm_num_groups=4,
        sample_size=128,
        mid_block_add_attention=False,
    ).eval()
    latents = torch.randn(1, 4, 16, 28)
    with torch.inference_mode():
        theirs = autoencoder.tiled_decode(latents, return_dict=False)[0]
        ours = decode_in_tiles(lambda tile: autoencoder.decode(tile).sample, latents, scale=SCALE, tile=16)
        whole = autoencoder.decode(latents).sample

    # Diffusers adds strips for the last quarters of a tile, and its ramp begins half a pixel earlier.
    common = (slice(None), slice(None), slice(0, 12 * SCALE), slice(0, 24 * SCALE))
    torch.testing.assert_close(ours[common], theirs[common], rtol=0, atol=0.05)
    assert (ours - whole).abs().mean() < (theirs - whole).abs().mean()


@pytest.mark.parametrize("size", [(8, 8), (9, 8), (13, 30), (3, 40)])
def test_an_encoder_without_surroundings_encodes_the_same_in_tiles(size: tuple[int, int]) -> None:
    images = torch.randn(2, 3, SCALE * size[0], SCALE * size[1], generator=torch.Generator("cpu").manual_seed(0))

    def shrink(images: Tensor) -> Tensor:
        return torch.nn.functional.avg_pool2d(images, SCALE)

    torch.testing.assert_close(encode_in_tiles(shrink, images, scale=SCALE, tile=8), shrink(images))
