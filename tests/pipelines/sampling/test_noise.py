"""Noise has the order of the generator's draws, whether it is drawn ahead or not."""

from __future__ import annotations

import gc
import weakref
from concurrent.futures import Executor, ThreadPoolExecutor

import pytest
import torch

from pipelines.sampling.noise import Noise

SHAPE = (4, 6, 8)


def make(drawer: Executor | None) -> Noise:
    return Noise(torch.Generator("cpu").manual_seed(3), SHAPE, drawer)


@pytest.mark.parametrize("ahead", [False, True])
def test_tensors_come_in_the_order_in_which_the_generator_draws_them(ahead: bool) -> None:
    generator = torch.Generator("cpu").manual_seed(3)
    with ThreadPoolExecutor(1) as drawer:
        noise = make(drawer if ahead else None)
        for _ in range(4):
            noise.draw_ahead()
            noise.draw_ahead()
            expected = torch.randn(SHAPE, generator=generator)
            assert torch.equal(noise.peek(), expected)
            assert torch.equal(noise.take(), expected)


def test_what_was_drawn_ahead_for_an_image_is_freed_with_it() -> None:
    with ThreadPoolExecutor(1) as drawer:
        noise = make(drawer)
        noise.draw_ahead()
        tensor = weakref.ref(noise.peek())

        del noise
        drawer.submit(lambda: None).result()
        gc.collect()

        assert tensor() is None
