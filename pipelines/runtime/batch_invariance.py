"""What makes a row's numbers independent of the company and of the place in the batch, to the bit; `docs/exactness.md`.

The company is the smaller part: one padded shape settles it. The place is the larger: a CPU's kernels divide a whole
batch between threads and vector lanes, and an element at the edge of such a share is worked out by other instructions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import torch
import torch.nn.functional as F  # noqa: N812 -- its usual name
from torch import Tensor
from torch.overrides import TorchFunctionMode

from pipelines.errors import ModelLoadError
from pipelines.runtime.batching import BatchingByNetwork, Network, Padded

TEXTS: Final = 4
"""Texts of one call of the text encoder: an image brings two at most, and rarely two new ones."""

_BY_ROW: Final = frozenset(
    {
        # The last few elements of a thread's share go through the C library's exp, the others through SLEEF's.
        F.silu,
        torch.sigmoid,
        # For channels_last, sums are kept by thread, whose shares end in the midst of an image.
        F.group_norm,
    }
)


class RowByRow(TorchFunctionMode):
    """Calls the functions that mind the place once for each row; those of the time embedding, [rows, features], too."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        self._rows = rows

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        options = dict(kwargs or {})
        if not self._depends_on_position(func, args):
            return func(*args, **options)
        options.pop("inplace", None)
        batch, *others = args
        return torch.cat([func(row, *others, **options) for row in torch.split(batch, 1)])

    def _depends_on_position(self, func: Callable[..., Any], args: tuple[Any, ...]) -> bool:
        batch = args[0] if args else None
        if not isinstance(batch, Tensor) or not batch.dim() or len(batch) != self._rows:
            return False
        # A product with as few rows as this is divided between threads by rows, into kernels of different heights.
        return func in _BY_ROW or (func is F.linear and batch.dim() == 2)


class PlaceInvariant:
    """Implements `padding.Batching`: one number of rows, and on the CPU `RowByRow`."""

    def __init__(self, rows: int) -> None:
        self._padded = Padded([rows])
        self._rows = rows

    def run(self, network: Network, *inputs: Tensor) -> Tensor:
        def in_any_place(*padded: Tensor) -> Tensor:
            with RowByRow(self._rows):
                return network(*padded)

        return self._padded.run(in_any_place if inputs[0].device.type == "cpu" else network, *inputs)


def batchings(*, max_rows: int, max_decode: int) -> BatchingByNetwork:
    """One shape for each network and size of image."""
    return BatchingByNetwork(
        texts=PlaceInvariant(TEXTS), rows=PlaceInvariant(max_rows), images=PlaceInvariant(max_decode)
    )


def settle_kernels() -> None:
    """Let this process choose its kernels by shape alone: no autotuning, no atomic sums, no TF32."""
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False


def check_places(network: Network, places: int, *row: Tensor) -> None:
    """Raise `ModelLoadError` unless this machine gives a row, [1, ...] each, the same numbers in all places."""
    results = network(*(each.repeat(places, *(1 for _ in each.shape[1:])) for each in row))
    first = results[0]
    if not all(torch.allclose(result, first, rtol=0, atol=0, equal_nan=True) for result in results):
        raise ModelLoadError(
            f"Exact mode is not to be had here: among {places} rows an image's numbers depend on its place. "
            "A power of two for max_rows, or fewer threads, may help."
        )
