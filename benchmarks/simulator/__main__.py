"""Compares scheduling policies on one device in virtual time.

    python -m benchmarks.simulator [--table gpu] [--pattern bursty] [--count 1000] [--seed 1]

Rates are multiples of the device's rate with one image at a time. The same arguments print the same table.
"""

from __future__ import annotations

from typing import Annotated, cast

import typer

from benchmarks.simulator.report import POLICIES, compare, markdown
from benchmarks.simulator.simulation import Pattern

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    table: Annotated[str, typer.Option(help="cpu, gpu, or a JSON file with measured costs.")] = "cpu",
    pattern: Annotated[str, typer.Option(help="poisson or bursty.")] = "poisson",
    count: Annotated[int, typer.Option(help="Requests per run.", min=10)] = 600,
    load: Annotated[float, typer.Option(help="Rate of the run whose latencies are shown.", min=0.01)] = 0.7,
    max_rows: Annotated[int, typer.Option(help="Maximum rows of a UNet call.", min=2)] = 16,
    seed: Annotated[int, typer.Option(help="Seed of requests and arrivals.")] = 1,
) -> None:
    """Print a Markdown table."""
    if pattern not in ("poisson", "bursty"):
        raise typer.BadParameter("--pattern must be poisson or bursty")
    rows = compare(
        POLICIES, table=table, pattern=cast(Pattern, pattern), count=count, load=load, max_rows=max_rows, seed=seed
    )
    typer.echo(markdown(rows))


if __name__ == "__main__":
    app()
