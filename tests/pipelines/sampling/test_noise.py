"""Noise has the order of the generator's draws, drawn ahead or not, and all bits of a seed count in it."""

from __future__ import annotations

import gc
import random
import weakref
from concurrent.futures import Executor, ThreadPoolExecutor

import pytest
import torch

from pipelines.sampling.noise import Noise, seeded_generator

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


@pytest.mark.parametrize("drawn_ahead", [False, True])
@pytest.mark.parametrize("ahead", [False, True])
def test_noise_goes_on_where_other_noise_was_however_far_that_has_gone_since(ahead: bool, drawn_ahead: bool) -> None:
    with ThreadPoolExecutor(1) as drawer:
        noise, other = make(drawer), make(drawer if ahead else None)
        noise.take()
        if drawn_ahead:
            noise.draw_ahead()
        drawn = noise.drawn()
        expected = [noise.take() for _ in range(3)]
        other.draw_ahead()
        other.go_to(drawn())

        for tensor in expected:
            assert torch.equal(other.take(), tensor)


def test_what_was_drawn_ahead_for_an_image_is_freed_with_it() -> None:
    with ThreadPoolExecutor(1) as drawer:
        noise = make(drawer)
        noise.draw_ahead()
        tensor = weakref.ref(noise.peek())

        del noise
        drawer.submit(lambda: None).result()
        gc.collect()

        assert tensor() is None


@pytest.mark.parametrize("seed", [0, 1, 2**31, 2**32 - 1])
def test_small_seeds_keep_torchs_own_noise(seed: int) -> None:
    theirs = torch.Generator("cpu").manual_seed(seed)

    assert torch.equal(torch.randn(SHAPE, generator=seeded_generator(seed)), torch.randn(SHAPE, generator=theirs))


@pytest.mark.parametrize("seed", [0, 7, 2**32 - 1])
def test_every_bit_of_a_seed_changes_the_noise(seed: int) -> None:
    seeds = [seed, *(seed ^ (1 << bit) for bit in range(63))]

    drawn = {tuple(torch.randn(4, generator=seeded_generator(each)).tolist()) for each in seeds}

    assert len(drawn) == len(seeds)


@pytest.mark.parametrize("seed", [2**32, 7 + 2**32, 2**63 - 1])
def test_large_seeds_give_the_mersenne_twister_that_python_has(seed: int) -> None:
    python = random.Random(seed)

    drawn = torch.empty(1000, dtype=torch.int32).random_(generator=seeded_generator(seed))

    assert drawn.tolist() == [python.getrandbits(32) % 2**31 for _ in range(1000)]
