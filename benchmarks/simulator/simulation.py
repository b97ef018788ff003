"""Plays requests to a server in virtual time, and sums up how long they took."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias

from benchmarks import measures, workload
from benchmarks.measures import Percentiles, Probe
from benchmarks.simulator.servers import Server
from benchmarks.workload import Job, Mix
from pipelines.params import GenerationParams
from service.engine.costs.cost_model import CostModel

Pattern: TypeAlias = Literal["poisson", "bursty"]

_LOWEST: Final = 1 / 512
"""Of the rates tried, as a share of the highest."""
_RESOLUTION: Final = 1.06
"""Two rates closer than this are not told apart."""


class Request(NamedTuple):
    at_s: float
    params: GenerationParams


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one run. Latencies are seconds from arrival to image."""

    throughput: float
    """Images a second, from the first arrival to the last image."""
    latency_s: Percentiles
    short_p95_s: float
    """Of the images with the fewest steps."""
    attainment: float
    """Share of images within their SLO."""


def requests(pattern: Pattern, *, rate: float, count: int, mix: Mix, seed: int) -> list[Request]:
    """So many requests at `rate` a second on average; what is asked for depends on mix and seed alone."""
    times = workload.poisson(rate, seed) if pattern == "poisson" else workload.bursty(rate, seed)
    arrivals = itertools.islice(zip(times, mix.jobs(seed), strict=False), count)
    return [Request(at_s, _params(job)) for at_s, job in arrivals]


def capacity(mix: Mix, cost: CostModel) -> float:
    """Images a second of a device that makes one at a time."""
    deck = len(mix.steps) * len(mix.guidance_scales) * len(mix.sizes)
    return deck / sum(cost.solo_s(_params(job)) for job in itertools.islice(mix.jobs(0), deck))


def play(server: Server, coming: Sequence[Request]) -> list[float]:
    """Latency of each request. One that comes while the device acts is met at the end of the act."""
    latencies_s = [math.nan] * len(coming)
    now_s, met = 0.0, 0
    while True:
        while met < len(coming) and coming[met].at_s <= now_s:
            server.accept(met, coming[met].params, coming[met].at_s)
            met += 1
        act = server.act(now_s)
        if act is not None:
            now_s += act.seconds
            for number in act.finished:
                latencies_s[number] = now_s - coming[number].at_s
        elif met < len(coming):
            now_s = coming[met].at_s
        else:
            return latencies_s


def summarise(coming: Sequence[Request], latencies_s: Sequence[float], cost: CostModel) -> Outcome:
    pairs = list(zip(coming, latencies_s, strict=True))
    shortest = min(request.params.steps for request in coming)
    return Outcome(
        throughput=len(pairs) / (max(request.at_s + latency_s for request, latency_s in pairs) - coming[0].at_s),
        latency_s=measures.percentiles(latencies_s),
        short_p95_s=measures.percentile((late for request, late in pairs if request.params.steps == shortest), 0.95),
        attainment=measures.attainment(
            (latency_s, measures.SLO_FACTOR * cost.solo_s(request.params)) for request, latency_s in pairs
        ),
    )


def goodput(attainment_at: Callable[[float], float], *, highest: float) -> float:
    """The highest rate up to `highest` at which enough images are in time, found by halving; 0 where none is."""
    low, high = highest * _LOWEST, highest
    probes = [Probe(low, attainment_at(low)), Probe(high, attainment_at(high))]
    while measures.goodput(probes):
        rate = measures.next_rate(probes, low, high)
        if rate < _RESOLUTION * measures.goodput(probes):
            break
        probes.append(Probe(rate, attainment_at(rate)))
    return measures.goodput(probes)


def _params(job: Job) -> GenerationParams:
    return GenerationParams(
        prompt=job.prompt,
        width=job.size[0],
        height=job.size[1],
        steps=job.steps,
        guidance_scale=job.guidance_scale,
        seed=job.seed,
        sampler="dpm++_2m",
    )
