"""Batch invariance: a row's result does not depend, to the bit, on the other rows or on its index in the batch.

`docs/exactness.md` has the contract. One padded shape makes a result independent of how many rows there are. The index
matters because a CPU kernel divides a whole batch between threads and vector lanes, and computes the elements at the
edge of each part with other instructions.
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
"""Texts in one call of the text encoder. An image has two at most, and rarely two that are not cached."""
INPUTS: Final = 2
"""Images in one call of the autoencoder's encoder: an image to start from, or with a mask the parts to keep, too."""

_POSITION_DEPENDENT: Final = frozenset(
    {
        # The last few elements of a thread's part go through the C library's exp, the others through SLEEF's.
        F.silu,
        torch.sigmoid,
        # For channels_last, each thread keeps its own sums, and a thread's part may end within an image.
        F.group_norm,
    }
)


class PerRowFunctions(TorchFunctionMode):
    """Within it, functions whose result depends on a row's index are called once for each row.

    These are the functions of `_POSITION_DEPENDENT`, and the linear layers of the time embedding ([rows, features]).
    """

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
        # A matrix product with this few rows is divided between threads by rows, into kernels of different heights.
        return func in _POSITION_DEPENDENT or (func is F.linear and batch.dim() == 2)


class BatchInvariant:
    """Implements `batching.Batching`: pads to one number of rows and, on the CPU, applies `PerRowFunctions`."""

    def __init__(self, rows: int) -> None:
        self._padded = Padded([rows])
        self._rows = rows

    def run(self, network: Network, *inputs: Tensor) -> Tensor:
        def call_per_row(*padded: Tensor) -> Tensor:
            with PerRowFunctions(self._rows):
                return network(*padded)

        return self._padded.run(call_per_row if inputs[0].device.type == "cpu" else network, *inputs)


def exact_batching(*, max_rows: int, max_decode: int) -> BatchingByNetwork:
    """Return a batching that gives each network one shape for each image size."""
    return BatchingByNetwork(
        texts=BatchInvariant(TEXTS),
        rows=BatchInvariant(max_rows),
        images=BatchInvariant(max_decode),
        inputs=BatchInvariant(INPUTS),
    )


def use_deterministic_kernels() -> None:
    """Make this process choose kernels by shape alone: no autotuning, no atomic sums, no TF32, no attention by cuDNN.

    Attention then takes torch's own kernels, whose order of summation is fixed by the shape.
    """
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.enable_cudnn_sdp(False)


def check_position_invariance(network: Network, positions: int, *row: Tensor) -> None:
    """Raise `ModelLoadError` unless a row gets the same result at every index of a batch on this machine.

    `row` holds one tensor [1, ...] for each input of the network; `positions` is the size of the batch.
    """
    results = network(*(each.repeat(positions, *(1 for _ in each.shape[1:])) for each in row))
    first = results[0]
    if not all(torch.allclose(result, first, rtol=0, atol=0, equal_nan=True) for result in results):
        raise ModelLoadError(
            f"Exact mode is not possible on this machine: in a batch of {positions} rows, a row's result depends on "
            "its index. Try a power of two for max_rows, or fewer threads."
        )
