"""Sends load to one running server on this machine.

    python -m benchmarks.load http://127.0.0.1:8000 --rate 2 --duration-s 60
    python -m benchmarks.load http://127.0.0.1:8000 --saturate 36
    python -m benchmarks.load http://127.0.0.1:8000 --solo solo.json --sweep 6 --low 0.2 --high 4

A sweep needs the solo times that `python -m benchmarks.peers.reference > solo.json` measures.
"""

from __future__ import annotations

import asyncio
import dataclasses
import enum
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.load import scenarios
from benchmarks.load.apis import APIS
from benchmarks.load.generator import Send
from benchmarks.load.http import connect
from benchmarks.load.scenarios import Load, Sweep
from benchmarks.load.summary import SoloTimes, format_summary
from benchmarks.metrics import goodput
from benchmarks.peers.reference import Reference
from benchmarks.workload import DEFAULT_MIX

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


class ApiName(enum.StrEnum):
    DARKROOM = "darkroom"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class Options:
    """The load to send: a sweep if `sweep` is positive, saturation if `saturate` is, and one rate if neither is."""

    load: Load
    saturate: int
    sweep: int
    low: float
    high: float
    solo_s: SoloTimes | None


@app.command()
def main(
    url: Annotated[str, typer.Argument(help="The server's base URL, on loopback.")],
    api: Annotated[ApiName, typer.Option(help="The server's API.")] = ApiName.DARKROOM,
    rate: Annotated[float, typer.Option(min=0.001, help="Requests per second.")] = 1.0,
    duration_s: Annotated[float, typer.Option(min=0.1, help="Seconds of arrivals.")] = 60.0,
    max_requests: Annotated[int, typer.Option(min=1, help="Maximum number of requests in one load.")] = 1000,
    variation: Annotated[
        float, typer.Option(min=0.1, help="Coefficient of variation of the gaps: 1 is Poisson, 3 is bursty.")
    ] = 1.0,
    seed: Annotated[int, typer.Option(help="Seed of the load.")] = 1,
    saturate: Annotated[int, typer.Option(min=0, help="Send this many requests at once instead.")] = 0,
    sweep: Annotated[int, typer.Option(min=0, help="Search the goodput with this many rates instead.")] = 0,
    low: Annotated[float, typer.Option(min=0.001, help="Lowest rate of the sweep.")] = 0.1,
    high: Annotated[float, typer.Option(min=0.001, help="Highest rate of the sweep.")] = 10.0,
    solo: Annotated[Path | None, typer.Option(help="Output of benchmarks.peers.reference: the solo times.")] = None,
    timeout_s: Annotated[float, typer.Option(min=0.1, help="Timeout of one request.")] = 120.0,
) -> None:
    """Send seeded requests in an open loop and print the metrics."""
    if sweep and (solo is None or not low < high):
        raise typer.BadParameter("--sweep needs --solo, and --low must be below --high")
    load = Load(rate=rate, duration_s=duration_s, max_requests=max_requests, seed=seed, variation=variation)
    solo_s = None if solo is None else Reference.from_json(solo.read_text()).solo_s
    asyncio.run(_measure(url, api, Options(load, saturate, sweep, low, high, solo_s), timeout_s))


async def _measure(url: str, api: ApiName, options: Options, timeout_s: float) -> None:
    async with connect(url, APIS[api], timeout_s=timeout_s) as target:
        await scenarios.warm_up(target.send, DEFAULT_MIX, options.load.seed)
        if options.sweep and options.solo_s is not None:
            await _sweep(target.send, options, options.solo_s)
        elif options.saturate:
            summary = await scenarios.saturate(target.send, DEFAULT_MIX, options.saturate, options.load.seed)
            print(format_summary(summary))
        else:
            print(format_summary(await scenarios.run(target.send, options.load, options.solo_s)))


async def _sweep(send: Send, options: Options, solo_s: SoloTimes) -> None:
    sweep = Sweep(options.low, options.high, [])
    for _ in range(options.sweep):
        summary = await sweep.step(send, functools.partial(_at_rate, options.load), solo_s)
        if summary is not None:
            share = f"{summary.attainment:.1%} of {summary.requests} requests met their objective"
            print(f"{sweep.probes[-1].rate:.2f} requests/s: {share}")
    print(f"goodput: {goodput(sweep.probes):.2f} requests/s")


def _at_rate(load: Load, rate: float) -> Load:
    return dataclasses.replace(load, rate=rate)


if __name__ == "__main__":
    app()
