"""The noise of one image, tensor after tensor, from the image's own generator on the CPU."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor, Future

import torch
from torch import Tensor


class Noise:
    """Draws an image's noise in the order in which its sampler takes it. At most one tensor is drawn ahead."""

    def __init__(self, generator: torch.Generator, shape: Sequence[int], drawer: Executor | None) -> None:
        """`drawer` draws beside the caller. Without one, a tensor is drawn when it is asked for."""
        self._generator = generator
        self._shape = shape
        self._drawer = drawer
        self._next: Future[Tensor] | None = None

    def draw_ahead(self) -> None:
        """Start to draw the next tensor."""
        if self._drawer is not None and self._next is None:
            self._next = self._drawer.submit(self._draw)

    def peek(self) -> Tensor:
        """Return the next tensor, float32 on the CPU. It stays the next one until `take`."""
        if self._next is None:
            self._next = Future()
            self._next.set_result(self._draw())
        return self._next.result()

    def take(self) -> Tensor:
        """Return the next tensor and go on to the one after it."""
        tensor, self._next = self.peek(), None
        return tensor

    def _draw(self) -> Tensor:
        return torch.randn(self._shape, generator=self._generator)
