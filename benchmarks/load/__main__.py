"""Load on one running server of this machine.

    python -m benchmarks.load http://127.0.0.1:8000 --rate 2 --duration-s 60
    python -m benchmarks.load http://127.0.0.1:8000 --saturate 36
    python -m benchmarks.load http://127.0.0.1:8000 --solo solo.json --sweep 6 --low 0.2 --high 4

Composition only. `python -m benchmarks.peers.reference > solo.json` measures the times alone that objectives need.
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

from benchmarks.load import measuring
from benchmarks.load.apis import APIS
from benchmarks.load.generator import Send
from benchmarks.load.http import connect
from benchmarks.load.measuring import Load, Sweep
from benchmarks.load.summary import SoloTimes, describe
from benchmarks.measures import goodput
from benchmarks.peers.reference import Reference
from benchmarks.workload import DEFAULT_MIX

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


class ApiName(enum.StrEnum):
    DARKROOM = "darkroom"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to measure: a sweep where it has probes, else saturation where it has jobs, else one rate."""

    load: Load
    saturate: int
    sweep: int
    low: float
    high: float
    solo_s: SoloTimes | None


@app.command()
def main(
    url: Annotated[str, typer.Argument(help="The server's base URL, on loopback.")],
    api: Annotated[ApiName, typer.Option(help="What it speaks.")] = ApiName.DARKROOM,
    rate: Annotated[float, typer.Option(min=0.001, help="Jobs a second.")] = 1.0,
    duration_s: Annotated[float, typer.Option(min=0.1, help="Seconds of arrivals.")] = 60.0,
    max_jobs: Annotated[int, typer.Option(min=1, help="Bound on the jobs of one load.")] = 1000,
    variation: Annotated[float, typer.Option(min=0.1, help="Of the gaps: 1 is Poisson, 3 comes in bursts.")] = 1.0,
    seed: Annotated[int, typer.Option(help="The same seed is the same load.")] = 1,
    saturate: Annotated[int, typer.Option(min=0, help="Send this many jobs at once instead.")] = 0,
    sweep: Annotated[int, typer.Option(min=0, help="Search the goodput with this many rates instead.")] = 0,
    low: Annotated[float, typer.Option(min=0.001, help="Lowest rate of the sweep.")] = 0.1,
    high: Annotated[float, typer.Option(min=0.001, help="Highest rate of the sweep.")] = 10.0,
    solo: Annotated[Path | None, typer.Option(help="Times alone, as benchmarks.peers.reference prints them.")] = None,
    timeout_s: Annotated[float, typer.Option(min=0.1, help="Bound on one answer.")] = 120.0,
) -> None:
    """Send seeded jobs when they are due, whatever became of those before, and print what came of them."""
    if sweep and (solo is None or not low < high):
        raise typer.BadParameter("a sweep needs --solo, and --low below --high")
    load = Load(rate=rate, duration_s=duration_s, max_jobs=max_jobs, seed=seed, variation=variation)
    solo_s = None if solo is None else Reference.from_json(solo.read_text()).solo_s
    asyncio.run(_measure(url, api, Wanted(load, saturate, sweep, low, high, solo_s), timeout_s))


async def _measure(url: str, api: ApiName, wanted: Wanted, timeout_s: float) -> None:
    async with connect(url, APIS[api], timeout_s=timeout_s) as target:
        await measuring.warm_up(target.send, DEFAULT_MIX, wanted.load.seed)
        if wanted.sweep and wanted.solo_s is not None:
            await _sweep(target.send, wanted, wanted.solo_s)
        elif wanted.saturate:
            print(describe(await measuring.saturate(target.send, DEFAULT_MIX, wanted.saturate, wanted.load.seed)))
        else:
            print(describe(await measuring.run(target.send, wanted.load, wanted.solo_s)))


async def _sweep(send: Send, wanted: Wanted, solo_s: SoloTimes) -> None:
    sweep = Sweep(wanted.low, wanted.high, [])
    for _ in range(wanted.sweep):
        summary = await sweep.step(send, functools.partial(_at_rate, wanted.load), solo_s)
        if summary is not None:
            print(f"{sweep.probes[-1].rate:.2f} jobs/s: {summary.attainment:.1%} of {summary.jobs} jobs in time")
    print(f"goodput: {goodput(sweep.probes):.2f} jobs/s")


def _at_rate(load: Load, rate: float) -> Load:
    return dataclasses.replace(load, rate=rate)


if __name__ == "__main__":
    app()
