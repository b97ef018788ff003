"""Workloads: seeded mixes of requests and seeded arrival times.

The same arguments give the same load for every target and in every run. This module knows no server and no clock.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

COLORS: Final = ("red", "orange", "yellow", "green", "blue", "purple", "black", "white")
SHAPES: Final = ("circle", "square", "triangle", "star", "heart")
BACKGROUNDS: Final = ("white", "gray", "black", "blue")

_MAX_SEED: Final = 2**31 - 1


class RequestClass(NamedTuple):
    """The properties that decide how much work a request is."""

    steps: int
    guided: bool
    size: tuple[int, int]
    """Width and height in pixels."""

    @property
    def name(self) -> str:
        """For example `20 steps, guided, 128x128`; used in reports and as a key in the recorded measurements."""
        width, height = self.size
        return f"{self.steps} steps, {'guided' if self.guided else 'unguided'}, {width}x{height}"


@dataclass(frozen=True, slots=True)
class Request:
    """A request for one image."""

    prompt: str
    steps: int
    guidance_scale: float
    """1 turns guidance off, which halves the rows of a UNet call."""
    size: tuple[int, int]
    """Width and height in pixels."""
    seed: int

    @property
    def request_class(self) -> RequestClass:
        return RequestClass(self.steps, self.guidance_scale > 1, self.size)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request and when it is due, in seconds from the start of the load."""

    at_s: float
    request: Request


@dataclass(frozen=True, slots=True)
class Mix:
    """The values of a workload's requests. All combinations are equally frequent."""

    steps: tuple[int, ...] = (4, 20, 50)
    guidance_scales: tuple[float, ...] = (1.0, 4.0)
    sizes: tuple[tuple[int, int], ...] = ((128, 128), (160, 96), (96, 160))

    def __post_init__(self) -> None:
        if not (self.steps and self.guidance_scales and self.sizes):
            raise ValueError("a mix needs at least one value of steps, guidance scales and sizes")

    @property
    def classes(self) -> list[RequestClass]:
        """All classes of requests in the mix."""
        guided = sorted({scale > 1 for scale in self.guidance_scales})
        return [RequestClass(*values) for values in itertools.product(self.steps, guided, self.sizes)]

    def requests(self, seed: int) -> Iterator[Request]:
        """Yields requests without end.

        They come in shuffled decks of all combinations, so two loads of the same length contain nearly the same work.
        """
        rng = random.Random(seed)
        deck = list(itertools.product(self.steps, self.guidance_scales, self.sizes))
        while True:
            rng.shuffle(deck)
            for steps, guidance_scale, size in deck:
                yield Request(_prompt(rng), steps, guidance_scale, size, rng.randint(0, _MAX_SEED))


DEFAULT_MIX: Final = Mix()


def _prompt(rng: random.Random) -> str:
    color, shape, background = (rng.choice(words) for words in (COLORS, SHAPES, BACKGROUNDS))
    return f"a {color} {shape} on a {background} background"


def poisson(rate: float, seed: int) -> Iterator[float]:
    """Yields Poisson arrival times in seconds, without end: on average `rate` per second."""
    return bursty(rate, seed, variation=1.0)


def bursty(rate: float, seed: int, variation: float = 3.0) -> Iterator[float]:
    """Yields arrival times with gamma-distributed gaps, whose coefficient of variation is `variation`.

    1 is Poisson; a higher value gives bursts. AlpaServe (Li et al., OSDI 2023) uses the same generalization.
    Raises `ValueError` where `rate` or `variation` is not positive.
    """
    if rate <= 0 or variation <= 0:
        raise ValueError("rate and variation must be positive")
    rng = random.Random(seed)
    shape = 1 / variation**2
    now_s = 0.0
    while True:
        now_s += rng.gammavariate(shape, 1 / (rate * shape))
        yield now_s


def schedule(
    times: Iterable[float], requests: Iterable[Request], *, duration_s: float, max_requests: int
) -> list[Arrival]:
    """Returns the arrivals within `duration_s`, at most `max_requests`."""
    arrivals = (Arrival(at_s, request) for at_s, request in zip(times, requests, strict=False))
    within = itertools.takewhile(lambda arrival: arrival.at_s < duration_s, arrivals)
    return list(itertools.islice(within, max_requests))


def at_once(requests: Iterable[Request], count: int) -> list[Arrival]:
    """Returns `count` requests that are all due at time 0."""
    return [Arrival(0.0, request) for request in itertools.islice(requests, count)]
