"""Simulates a server in virtual time and summarizes the latencies of its requests."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias

from benchmarks import metrics, workload
from benchmarks.metrics import Percentiles, Probe
from benchmarks.simulator.servers import Server, plan
from benchmarks.workload import Mix, Request
from pipelines.params import GenerationParams
from service.engine.costs.cost_model import CostModel

Pattern: TypeAlias = Literal["poisson", "bursty"]

_LOWEST: Final = 1 / 512
"""The lowest rate of the goodput search, as a share of the highest."""
_RESOLUTION: Final = 1.06
"""The search ends when the next rate is less than this factor above the best one."""


class TimedRequest(NamedTuple):
    """A request and when it arrives."""

    at_s: float
    params: GenerationParams


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one run. Latencies are from arrival to image."""

    throughput: float
    """Images per second, from the first arrival to the last image."""
    latency_s: Percentiles
    short_p95_s: float
    """The p95 latency of the images with the fewest steps."""
    attainment: float
    """Share of images that met their SLO."""


def timed_requests(pattern: Pattern, *, rate: float, count: int, mix: Mix, seed: int) -> list[TimedRequest]:
    """Returns `count` requests at `rate` per second on average. Their parameters depend on mix and seed only."""
    times = workload.poisson(rate, seed) if pattern == "poisson" else workload.bursty(rate, seed)
    arrivals = itertools.islice(zip(times, mix.requests(seed), strict=False), count)
    return [TimedRequest(at_s, _params(request)) for at_s, request in arrivals]


def capacity(mix: Mix, cost: CostModel) -> float:
    """Returns the images per second of a device that makes one image at a time."""
    deck = len(mix.steps) * len(mix.guidance_scales) * len(mix.sizes)
    return deck / sum(cost.solo_s(plan(_params(request))) for request in itertools.islice(mix.requests(0), deck))


def simulate(server: Server, requests: Sequence[TimedRequest]) -> list[float]:
    """Returns the latency of each request. The server sees requests that arrive during an action at the end of it."""
    latencies_s = [math.nan] * len(requests)
    now_s, accepted = 0.0, 0
    while True:
        while accepted < len(requests) and requests[accepted].at_s <= now_s:
            server.accept(accepted, requests[accepted].params, requests[accepted].at_s)
            accepted += 1
        action = server.next_action(now_s)
        if action is not None:
            now_s += action.seconds
            for number in action.finished:
                latencies_s[number] = now_s - requests[number].at_s
        elif accepted < len(requests):
            now_s = requests[accepted].at_s
        else:
            return latencies_s


def summarize(requests: Sequence[TimedRequest], latencies_s: Sequence[float], cost: CostModel) -> Outcome:
    """Returns the metrics of one run."""
    pairs = list(zip(requests, latencies_s, strict=True))
    shortest = min(request.params.steps for request in requests)
    return Outcome(
        throughput=len(pairs) / (max(request.at_s + latency_s for request, latency_s in pairs) - requests[0].at_s),
        latency_s=metrics.percentiles(latencies_s),
        short_p95_s=metrics.percentile(
            (latency_s for request, latency_s in pairs if request.params.steps == shortest), 0.95
        ),
        attainment=metrics.attainment(
            (latency_s, metrics.SLO_FACTOR * cost.solo_s(plan(request.params))) for request, latency_s in pairs
        ),
    )


def goodput(attainment_at: Callable[[float], float], *, highest: float) -> float:
    """Returns the highest rate up to `highest` that meets the target attainment, by bisection; 0 where none does."""
    low, high = highest * _LOWEST, highest
    probes = [Probe(low, attainment_at(low)), Probe(high, attainment_at(high))]
    while metrics.goodput(probes):
        rate = metrics.next_rate(probes, low, high)
        if rate < _RESOLUTION * metrics.goodput(probes):
            break
        probes.append(Probe(rate, attainment_at(rate)))
    return metrics.goodput(probes)


def _params(request: Request) -> GenerationParams:
    return GenerationParams(
        prompt=request.prompt,
        width=request.size[0],
        height=request.size[1],
        steps=request.steps,
        guidance_scale=request.guidance_scale,
        seed=request.seed,
        sampler="dpm++_2m",
    )
