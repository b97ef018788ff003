"""The noise of one image, tensor after tensor, from the image's own generator on the CPU, and that generator."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from typing import Final, NamedTuple

import torch
from torch import Tensor

_SEED_BITS: Final = 32
"""Bits of a seed that torch's generator uses."""
_WORDS: Final = 624
"""Words in the state of a Mersenne Twister."""
_FIRST_WORD: Final = 3
"""Index of the first of them in torch's form of the state, which has 8 bytes for each number."""


def seeded_generator(seed: int) -> torch.Generator:
    """Return a generator on the CPU for a seed from 0 to 2**63 - 1, all of whose bits count.

    torch seeds its Mersenne Twister with the lower 32 bits alone. Seeds that have no others keep that generator, and so
    their images. The others get the seeding by array of Matsumoto and Nishida's mt19937ar, which Python uses as well.
    """
    generator = torch.Generator("cpu").manual_seed(seed)
    if seed >> _SEED_BITS:
        _, words, _ = random.Random(seed).getstate()  # noqa: S311 -- the noise of an image is no secret
        state = generator.get_state()
        state.view(torch.int64)[_FIRST_WORD : _FIRST_WORD + _WORDS] = torch.tensor(words[:_WORDS])
        generator.set_state(state)
    return generator


class DrawnNoise(NamedTuple):
    """The position of an image in its noise."""

    generator_state: Tensor
    """The state of its generator, after the draw of `ahead`."""
    ahead: Tensor | None
    """The next tensor, where it was drawn already."""


class Noise:
    """Draws an image's noise in the order in which its sampler takes it. At most one tensor is drawn ahead."""

    def __init__(self, generator: torch.Generator, shape: Sequence[int], drawer: Executor | None) -> None:
        """`drawer` draws beside the caller. Without one, a tensor is drawn when it is asked for."""
        self._generator = generator
        self._shape = shape
        self._drawer = drawer
        self._next: Future[DrawnNoise] | None = None

    def draw_ahead(self) -> None:
        """Start to draw the next tensor."""
        if self._drawer is not None and self._next is None:
            self._next = self._drawer.submit(self._draw)

    def peek(self) -> Tensor:
        """Return the next tensor, float32 on the CPU. It stays the next one until `take`."""
        if self._next is None:
            self._next = Future()
            self._next.set_result(self._draw())
        return _ahead(self._next.result())

    def take(self) -> Tensor:
        """Return the next tensor and go on to the one after it."""
        tensor, self._next = self.peek(), None
        return tensor

    def drawn(self) -> Callable[[], DrawnNoise]:
        """Return a function that waits for the present draw, if there is one, and returns how far the image is now."""
        if self._next is not None:
            return self._next.result
        drawn = DrawnNoise(self._generator.get_state(), None)
        return lambda: drawn

    def go_to(self, drawn: DrawnNoise) -> None:
        """Go on from the position `drawn`, whatever was drawn before. Waits for a draw ahead."""
        if self._next is not None:
            self._next.result()
        self._generator.set_state(drawn.generator_state)
        self._next = None
        if drawn.ahead is not None:
            self._next = Future()
            self._next.set_result(drawn)

    def _draw(self) -> DrawnNoise:
        ahead = torch.randn(self._shape, generator=self._generator)
        return DrawnNoise(self._generator.get_state(), ahead)


def _ahead(drawn: DrawnNoise) -> Tensor:
    assert drawn.ahead is not None, "a draw gives a tensor"
    return drawn.ahead
