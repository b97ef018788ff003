"""Decodes and encodes images in overlapping tiles, so that the memory that it takes does not grow with the image.

All tiles have one size and are spread evenly. Diffusers' `tiled_decode` cuts what is left at the right and lower edges
into strips, which may be one latent wide and are decoded without their surroundings.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import product
from typing import Final

import torch
from torch import Tensor

TILE: Final = 64
"""Side of a tile in latents: that of the images for which Stable Diffusion's autoencoder was trained."""
_LEAST_OVERLAP: Final = 0.25
"""Share of a tile that it has in common with the next, at least."""


def decode_in_tiles(decode: Callable[[Tensor], Tensor], latents: Tensor, *, scale: int, tile: int = TILE) -> Tensor:
    """Decode latents [B, C, h, w] in tiles of `tile` x `tile` latents or, where the image is narrower, less.

    `decode` returns images [B, 3, scale h, scale w]. Where two tiles overlap, one fades into the other linearly. Tones
    may still differ a little from tile to tile, because a decoder normalizes over its whole input.
    """
    return _in_tiles(decode, latents, 1, scale, tile)


def encode_in_tiles(encode: Callable[[Tensor], Tensor], images: Tensor, *, scale: int, tile: int = TILE) -> Tensor:
    """Encode images [B, 3, scale h, scale w] in tiles of `tile` x `tile` latents, as `decode_in_tiles` decodes.

    `encode` returns [B, C, h, w].
    """
    return _in_tiles(encode, images, scale, 1, tile)


def _in_tiles(network: Callable[[Tensor], Tensor], inputs: Tensor, side_in: int, side_out: int, tile: int) -> Tensor:
    """Call the network on tiles. A latent stands for squares of `side_in` and `side_out` numbers of its two sides."""
    height, width = (size // side_in for size in inputs.shape[2:])
    rows, columns = _starts(height, tile), _starts(width, tile)
    down = _weights(rows, height, tile, side_out).to(inputs.device, non_blocking=True)
    across = _weights(columns, width, tile, side_out).to(inputs.device, non_blocking=True)
    outputs: Tensor | None = None
    for (row, top), (column, left) in product(enumerate(rows), enumerate(columns)):
        output = network(inputs[:, :, _span(top, tile, side_in), _span(left, tile, side_in)])
        if outputs is None:
            outputs = torch.zeros(*output.shape[:2], side_out * height, side_out * width, device=inputs.device)
        ys, xs = _span(top, tile, side_out), _span(left, tile, side_out)
        outputs[:, :, ys, xs] += output * (down[row, ys, None] * across[column, xs])
    assert outputs is not None, "an image has at least one tile"
    return outputs


def _span(start: int, size: int, side: int) -> slice:
    return slice(side * start, side * (start + size))


def _starts(size: int, tile: int) -> list[int]:
    """Return where tiles begin along a side of `size` latents: as few as overlap enough, spread evenly."""
    if size <= tile:
        return [0]
    gaps = math.ceil((size - tile) / math.floor(tile * (1 - _LEAST_OVERLAP)))
    return [round(gap * (size - tile) / gaps) for gap in range(gaps + 1)]


def _weights(starts: Sequence[int], size: int, tile: int, scale: int) -> Tensor:
    """Return the weight of each tile for each pixel along a side, [tiles, scale size]. A pixel's weights sum to 1.

    A tile's weight falls to its edge, in proportion to the distance, but not to an edge of the image.
    """
    pixels = torch.arange(scale * size) + 0.5
    begins = torch.tensor(starts)[:, None] * scale
    to_left, to_right = pixels - begins, begins + tile * scale - pixels
    to_left[0], to_right[-1] = math.inf, math.inf
    weights = torch.minimum(to_left, to_right).clamp(0, scale * tile)
    return weights / weights.sum(0)
