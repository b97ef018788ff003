"""Measures how throughput grows with the number of devices: images per second of one engine with several workers.

    python -m benchmarks.devices [--devices 1 --devices 2 ...] [--images 96] [--rounds 3]

The workers serve a fake pipeline whose device waits instead of computing, since this machine has only one real device.
So the result shows what placement, queueing and the server's process cost, and nothing of what devices share, such as
memory bandwidth. Every round measures every number of devices; results are medians of the ratios over the rounds.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from benchmarks import fake_worker
from pipelines.params import GenerationParams
from service.engine.config import EngineConfig, WorkerConfig
from service.engine.frontend.local_engine import LocalEngine
from service.engine.messages import FromWorker, Ready

DEVICES: Final = (1, 2, 4)
WIDTHS: Final = (64, 96, 128)
"""Images of each width in turn, so that several batch keys compete for each device."""
STEPS: Final = 10

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    devices: Annotated[list[int] | None, typer.Option(help=f"Numbers of devices. Default: {DEVICES}.")] = None,
    images: Annotated[int, typer.Option(help="Images that are submitted at once.")] = 96,
    rounds: Annotated[int, typer.Option(help="Interleaved rounds.")] = 3,
) -> None:
    """Measure the throughputs and print a table."""
    asyncio.run(_measure_and_print(devices or list(DEVICES), images, rounds))


async def _measure_and_print(devices: Sequence[int], images: int, rounds: int) -> None:
    params = make_images(images)
    rates: dict[int, list[float]] = {count: [] for count in devices}
    for _ in range(rounds):
        for count in devices:
            rates[count].append(images / await measure_s(count, params))
    print_table(rates)


def make_images(count: int) -> list[GenerationParams]:
    return [
        GenerationParams(
            prompt="a red circle",
            width=WIDTHS[number % len(WIDTHS)],
            height=64,
            steps=STEPS,
            guidance_scale=4.0,
            seed=number,
            sampler="ddim",
        )
        for number in range(count)
    ]


async def measure_s(devices: int, images: Sequence[GenerationParams]) -> float:
    """Returns the seconds from the submission of these images, one a job, to the end of the last one."""
    ready = asyncio.Semaphore(0)

    def observe(message: FromWorker, _: int) -> None:
        if isinstance(message, Ready):
            ready.release()

    config = EngineConfig(
        worker=WorkerConfig(model="fake"), devices=("cpu",) * devices, max_queued_images=len(images), max_queued_s=1e9
    )
    engine = LocalEngine(config, command=fake_worker.command(), observe=observe)
    await engine.start()
    try:
        for _ in range(devices):
            await ready.acquire()
        start_s = time.perf_counter()
        await asyncio.gather(*(engine.submit([params]).result() for params in images))
        return time.perf_counter() - start_s
    finally:
        await engine.stop()


def print_table(rates: Mapping[int, Sequence[float]]) -> None:
    """Prints the median rate of each number of devices, and the median of its ratios to the first one's."""
    table = Table("devices", "images/s", "ratio")
    first = next(iter(rates.values()))
    for count, own in rates.items():
        ratio = statistics.median(rate / reference for rate, reference in zip(own, first, strict=True))
        table.add_row(str(count), f"{statistics.median(own):.1f}", f"{ratio:.2f}x")
    Console().print(table)


if __name__ == "__main__":
    app()
