"""The measurements that a target goes through: warm-up, saturation, one rate, a sweep of rates.

Each is bounded in jobs and seconds and ends by itself. Which targets there are, and their order, is not known here.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.load.generator import Outcome, Send, offer
from benchmarks.load.summary import SoloTimes, Summary, is_missed, summarize
from benchmarks.measures import Probe, allowed_misses, next_rate
from benchmarks.workload import DEFAULT_MIX, Arrival, Mix, at_once, bursty, schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """One rate of jobs, for a while."""

    rate: float
    """Jobs a second."""
    duration_s: float
    max_jobs: int
    seed: int
    mix: Mix = DEFAULT_MIX
    variation: float = 1.0
    """Of the gaps between arrivals; 1 is Poisson."""

    def arrivals(self) -> list[Arrival]:
        times = bursty(self.rate, self.seed, self.variation)
        return schedule(times, self.mix.jobs(self.seed), duration_s=self.duration_s, max_jobs=self.max_jobs)


async def warm_up(send: Send, mix: Mix, seed: int) -> Summary:
    """Jobs of the fewest steps through all sizes, one after another, then twice as many at once.

    A server that learns its batching from the traffic has then seen both.
    """
    short = Mix(steps=mix.steps[:1], guidance_scales=mix.guidance_scales, sizes=mix.sizes)
    jobs = list(itertools.islice(short.jobs(seed), 2 * len(short.kinds)))
    outcomes: list[Outcome] = []
    for job in jobs[: len(short.kinds)]:
        outcomes += await offer([Arrival(0.0, job)], send)
    return summarize(outcomes + await offer(at_once(jobs, len(jobs)), send))


async def saturate(send: Send, mix: Mix, jobs: int, seed: int) -> Summary:
    """All jobs at once."""
    return summarize(await offer(at_once(mix.jobs(seed), jobs), send))


async def run(send: Send, load: Load, solo_s: SoloTimes | None = None) -> Summary:
    """The whole load, however late the answers are."""
    return summarize(await offer(load.arrivals(), send), solo_s)


async def probe(send: Send, load: Load, solo_s: SoloTimes) -> Summary:
    """The load until it is clear that more than one job in a hundred misses its objective."""
    arrivals = load.arrivals()
    outcomes = await offer(arrivals, send, enough=_more_misses_than(allowed_misses(len(arrivals)), solo_s))
    return summarize(outcomes, solo_s)


def _more_misses_than(allowed: int, solo_s: SoloTimes) -> Callable[[Outcome], bool]:
    missed = 0

    def enough(outcome: Outcome) -> bool:
        nonlocal missed
        missed += is_missed(outcome, solo_s)
        return missed > allowed

    return enough


@dataclass(slots=True)
class Sweep:
    """A search for the goodput between two rates, a probe at a time, so that other measurements may lie between."""

    low: float
    high: float
    probes: list[Probe]

    async def step(self, send: Send, load_at: Callable[[float], Load], solo_s: SoloTimes) -> Summary | None:
        """Probe the next rate; None where its load holds no jobs."""
        rate = next_rate(self.probes, self.low, self.high)
        load = load_at(rate)
        summary = await probe(send, load, solo_s)
        if not summary.jobs:
            return None
        self.probes.append(Probe(rate, summary.attainment))
        return summary
