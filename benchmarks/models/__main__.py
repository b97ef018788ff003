"""Measures a server with several models, in virtual time or for real.

`python -m benchmarks.models simulate [--trace CSV]` plays how long requests wait for their models, in virtual time.
`python -m benchmarks.models engines` measures a real switch, and one server with two models against two servers.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import pipelines
from benchmarks import metrics
from benchmarks.models import engines, trace
from benchmarks.models.simulation import Device, Played, play_darkroom, play_first_come
from benchmarks.models.trace import ModelRequest

BUNDLED = str(Path(pipelines.__file__).with_name("bundled"))
_RATES = (0.1, 0.2, 0.3)
"""Requests per second at which both servers are played."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.models", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    simulate = commands.add_parser("simulate", help="play a trace in virtual time")
    simulate.add_argument("--trace", type=Path, help="gentd26.csv; without it requests with its statistics")
    simulate.add_argument("--requests", type=int, default=1000)
    simulate.add_argument("--skip", type=int, default=0, help="requests of the trace to leave out before")
    simulate.add_argument("--rates", type=float, nargs="+", default=_RATES, help="requests per second")
    real = commands.add_parser("engines", help="measure real engines")
    real.add_argument("--model", default=BUNDLED, help="the folder of both models")
    real.add_argument("--switches", type=int, default=3)
    real.add_argument("--images", type=int, default=16, help="images of each model in the mixed load")
    real.add_argument("--rounds", type=int, default=3, help="interleaved rounds of the mixed load")
    real.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="threads of one server; two have half")
    arguments = parser.parse_args()
    if arguments.command == "engines":
        setting = engines.Setting(source=arguments.model, threads=arguments.threads)
        print(f"load {os.getloadavg()[0]:.1f} at first")
        switched = asyncio.run(engines.switches(setting, arguments.switches))
        load = asyncio.run(engines.mixed(setting, arguments.images, arguments.rounds))
        print("\n".join(engines.report(switched, load)))
        print(f"load {os.getloadavg()[0]:.1f} at the end")
        return
    if arguments.trace is None:
        requests = trace.generated(arguments.requests, seed=1)
    else:
        requests = trace.read(arguments.trace)[arguments.skip : arguments.skip + arguments.requests]
    print("\n".join(table(requests, arguments.rates, Device())))


def table(requests: Sequence[ModelRequest], rates: Sequence[float], device: Device) -> list[str]:
    """Returns the lines of a table in Markdown. Seconds are from a request's arrival."""
    lines = [
        "| requests/s | server | hits | loads | wait, hit p50 | p95 | wait, miss p50 | p95 | latency p50 | p95 |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for rate in rates:
        timed = trace.at_rate(requests, rate)
        for name, played in (
            ("first come", play_first_come(timed, device)),
            ("Darkroom", play_darkroom(timed, device)),
        ):
            lines.append(f"| {rate:g} | {name} | {_row(played)} |")
    return lines


def _row(played: Played) -> str:
    hits = [answer for answer in played.answers if answer.hit]
    misses = [answer for answer in played.answers if not answer.hit]
    return " | ".join(
        (
            f"{len(hits) / len(played.answers):.0%}",
            str(played.loads),
            *_percentiles([answer.waited_s for answer in hits]),
            *_percentiles([answer.waited_s for answer in misses]),
            *_percentiles([answer.latency_s for answer in played.answers]),
        )
    )


def _percentiles(seconds: Sequence[float]) -> tuple[str, str]:
    if not seconds:
        return "-", "-"
    return f"{metrics.percentile(seconds, 0.5):.1f}", f"{metrics.percentile(seconds, 0.95):.1f}"


if __name__ == "__main__":
    main()
