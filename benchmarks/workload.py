"""What is asked for and when: seeded mixes of jobs and seeded arrivals.

The same arguments give the same load for every target and in every run. Knows no server, no clock and no tensors.
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


class JobClass(NamedTuple):
    """What decides how much work a job is."""

    steps: int
    guided: bool
    size: tuple[int, int]
    """Width and height in pixels."""

    @property
    def name(self) -> str:
        """Such as `20 steps, guided, 128x128`, for reports and as a key of figures."""
        width, height = self.size
        return f"{self.steps} steps, {'guided' if self.guided else 'unguided'}, {width}x{height}"


@dataclass(frozen=True, slots=True)
class Job:
    """One image that somebody asks for."""

    prompt: str
    steps: int
    guidance_scale: float
    """1 turns guidance off, which halves the rows."""
    size: tuple[int, int]
    """Width and height in pixels."""
    seed: int

    @property
    def kind(self) -> JobClass:
        return JobClass(self.steps, self.guidance_scale > 1, self.size)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A job and the second, from the load's beginning, in which it is due."""

    at_s: float
    job: Job


@dataclass(frozen=True, slots=True)
class Mix:
    """The values that jobs are made of; each combination of them is as frequent as any other."""

    steps: tuple[int, ...] = (4, 20, 50)
    guidance_scales: tuple[float, ...] = (1.0, 4.0)
    sizes: tuple[tuple[int, int], ...] = ((128, 128), (160, 96), (96, 160))

    def __post_init__(self) -> None:
        if not (self.steps and self.guidance_scales and self.sizes):
            raise ValueError("a mix needs at least one of each value")

    @property
    def kinds(self) -> list[JobClass]:
        """Every class of job in the mix, once."""
        guided = sorted({scale > 1 for scale in self.guidance_scales})
        return [JobClass(*values) for values in itertools.product(self.steps, guided, self.sizes)]

    def jobs(self, seed: int) -> Iterator[Job]:
        """Jobs without end.

        They come in shuffled decks of all combinations: two loads of a length hold nearly the same work, so that what
        differs between two measurements is what was measured.
        """
        chance = random.Random(seed)
        deck = list(itertools.product(self.steps, self.guidance_scales, self.sizes))
        while True:
            chance.shuffle(deck)
            for steps, guidance_scale, size in deck:
                yield Job(_prompt(chance), steps, guidance_scale, size, chance.randint(0, _MAX_SEED))


DEFAULT_MIX: Final = Mix()


def _prompt(chance: random.Random) -> str:
    color, shape, background = (chance.choice(words) for words in (COLORS, SHAPES, BACKGROUNDS))
    return f"a {color} {shape} on a {background} background"


def poisson(rate: float, seed: int) -> Iterator[float]:
    """Arrival times in seconds, without end: `rate` a second, each independent of the others."""
    return bursty(rate, seed, variation=1.0)


def bursty(rate: float, seed: int, variation: float = 3.0) -> Iterator[float]:
    """Arrival times with gamma-distributed gaps, whose standard deviation is `variation` times their mean.

    1 is Poisson; above it jobs come in bursts. The generalisation is that of AlpaServe (Li et al., OSDI 2023).
    """
    if rate <= 0 or variation <= 0:
        raise ValueError("rate and variation must be positive")
    chance = random.Random(seed)
    shape = 1 / variation**2
    now_s = 0.0
    while True:
        now_s += chance.gammavariate(shape, 1 / (rate * shape))
        yield now_s


def schedule(times: Iterable[float], jobs: Iterable[Job], *, duration_s: float, max_jobs: int) -> list[Arrival]:
    """The arrivals within `duration_s`, `max_jobs` at most."""
    arrivals = (Arrival(at_s, job) for at_s, job in zip(times, jobs, strict=False))
    within = itertools.takewhile(lambda arrival: arrival.at_s < duration_s, arrivals)
    return list(itertools.islice(within, max_jobs))


def at_once(jobs: Iterable[Job], count: int) -> list[Arrival]:
    """`count` jobs that are all due in the first moment."""
    return [Arrival(0.0, job) for job in itertools.islice(jobs, count)]
