"""Load scenarios: warm-up, saturation, one rate, a sweep of rates.

Each is bounded in requests and seconds. This module does not know which targets there are.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.load.generator import Outcome, Send, offer_load
from benchmarks.load.summary import SoloTimes, Summary, is_missed, summarize
from benchmarks.metrics import Probe, allowed_misses, next_rate
from benchmarks.workload import DEFAULT_MIX, Arrival, Mix, at_once, bursty, schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Requests at one rate for a limited time."""

    rate: float
    """Requests per second."""
    duration_s: float
    max_requests: int
    seed: int
    mix: Mix = DEFAULT_MIX
    variation: float = 1.0
    """Coefficient of variation of the gaps between arrivals; 1 is Poisson."""

    def arrivals(self) -> list[Arrival]:
        """Returns the arrivals, the same at every call."""
        times = bursty(self.rate, self.seed, self.variation)
        return schedule(times, self.mix.requests(self.seed), duration_s=self.duration_s, max_requests=self.max_requests)


async def warm_up(send: Send, mix: Mix, seed: int) -> Summary:
    """Sends requests with the fewest steps: one of each class after another, then twice as many at once.

    A server that adapts its batching to the traffic has then seen both patterns.
    """
    short = Mix(steps=mix.steps[:1], guidance_scales=mix.guidance_scales, sizes=mix.sizes)
    requests = list(itertools.islice(short.requests(seed), 2 * len(short.classes)))
    outcomes: list[Outcome] = []
    for request in requests[: len(short.classes)]:
        outcomes += await offer_load([Arrival(0.0, request)], send)
    return summarize(outcomes + await offer_load(at_once(requests, len(requests)), send))


async def saturate(send: Send, mix: Mix, requests: int, seed: int) -> Summary:
    """Sends all requests at once."""
    return summarize(await offer_load(at_once(mix.requests(seed), requests), send))


async def run(send: Send, load: Load, solo_s: SoloTimes | None = None) -> Summary:
    """Sends the whole load, however late the responses are."""
    return summarize(await offer_load(load.arrivals(), send), solo_s)


async def probe(send: Send, load: Load, solo_s: SoloTimes) -> Summary:
    """Sends the load until it is certain that more than 1% of the requests miss their objective."""
    arrivals = load.arrivals()
    outcomes = await offer_load(arrivals, send, stop_when=_more_misses_than(allowed_misses(len(arrivals)), solo_s))
    return summarize(outcomes, solo_s)


def _more_misses_than(allowed: int, solo_s: SoloTimes) -> Callable[[Outcome], bool]:
    missed = 0

    def stop_when(outcome: Outcome) -> bool:
        nonlocal missed
        missed += is_missed(outcome, solo_s)
        return missed > allowed

    return stop_when


@dataclass(slots=True)
class Sweep:
    """A search for the goodput between two rates. It takes one probe at a time, so that rounds can be interleaved."""

    low: float
    high: float
    probes: list[Probe]

    async def step(self, send: Send, load_at: Callable[[float], Load], solo_s: SoloTimes) -> Summary | None:
        """Probes the next rate and returns the summary; None where its load contains no requests."""
        rate = next_rate(self.probes, self.low, self.high)
        load = load_at(rate)
        summary = await probe(send, load, solo_s)
        if not summary.requests:
            return None
        self.probes.append(Probe(rate, summary.attainment))
        return summary
