"""Ways to call a network on a batch: unpadded, or padded with zero rows to known shapes. Knows nothing of models."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol, TypeAlias

import torch
from torch import Tensor

Network: TypeAlias = Callable[..., Tensor]


class Batching(Protocol):
    """A way to call a network on a batch."""

    def run(self, network: Network, *inputs: Tensor) -> Tensor:
        """Compute `network(*inputs)`. Row n of the result belongs to row n of each input."""


class Unpadded:
    """Passes the batch on unchanged, in one call."""

    def run(self, network: Network, *inputs: Tensor) -> Tensor:
        return network(*inputs)


class Padded:
    """Pads the batch with zeros to the next of a few sizes, and splits a batch beyond the largest size into calls.

    The padded inputs are new buffers with the same strides each time.
    """

    def __init__(self, sizes: Iterable[int]) -> None:
        self._sizes = sorted(sizes)

    def run(self, network: Network, *inputs: Tensor) -> Tensor:
        chunks = zip(*(torch.split(each, self._sizes[-1]) for each in inputs), strict=True)
        return torch.cat([self._run_chunk(network, chunk) for chunk in chunks])

    def _run_chunk(self, network: Network, chunk: tuple[Tensor, ...]) -> Tensor:
        rows = len(chunk[0])
        size = next(size for size in self._sizes if size >= rows)
        return network(*(_pad(each, size) for each in chunk))[:rows]


class BatchingByNetwork(NamedTuple):
    """The batching of each network of a model."""

    texts: Batching = Unpadded()
    """For the text encoder."""
    rows: Batching = Unpadded()
    """For the UNet."""
    images: Batching = Unpadded()
    """For the autoencoder's decoder."""
    inputs: Batching = Unpadded()
    """For the autoencoder's encoder."""


def row_buckets(max_rows: int) -> list[int]:
    """Return 1, 2, 4, 8, 12, 16 ... and `max_rows`, so that a call has at most three rows of padding."""
    return sorted({rows for rows in (1, 2, *range(4, max_rows, 4)) if rows < max_rows} | {max_rows})


def image_buckets(max_images: int) -> list[int]:
    """Return 1, 2, 4, 8 ... and `max_images`: images take more memory than rows, so that there are fewer sizes."""
    return sorted({1 << power for power in range(max_images.bit_length()) if 1 << power <= max_images} | {max_images})


def _pad(rows: Tensor, size: int) -> Tensor:
    padded = rows.new_zeros(size, *rows.shape[1:])
    padded[: len(rows)] = rows
    return padded
