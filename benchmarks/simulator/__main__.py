"""Policies against one another on one device, in virtual time.

    python -m benchmarks.simulator [--table gpu] [--pattern bursty] [--count 1000] [--seed 1]

Rates are multiples of what the device makes one image at a time. The same arguments print the same table.
"""

from __future__ import annotations

from typing import Annotated, cast

import typer

from benchmarks.simulator.report import POLICIES, compare, markdown
from benchmarks.simulator.simulation import Pattern

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    table: Annotated[str, typer.Option(help="cpu, gpu, or a JSON file of measured costs.")] = "cpu",
    pattern: Annotated[str, typer.Option(help="poisson or bursty.")] = "poisson",
    count: Annotated[int, typer.Option(help="Requests in each run.", min=10)] = 600,
    load: Annotated[float, typer.Option(help="Rate of the run that latencies are shown of.", min=0.01)] = 0.7,
    max_rows: Annotated[int, typer.Option(help="Rows in a UNet call at most.", min=2)] = 16,
    seed: Annotated[int, typer.Option(help="Of requests and arrivals.")] = 1,
) -> None:
    """Print a Markdown table."""
    if pattern not in ("poisson", "bursty"):
        raise typer.BadParameter("the pattern is poisson or bursty")
    rows = compare(
        POLICIES, table=table, pattern=cast(Pattern, pattern), count=count, load=load, max_rows=max_rows, seed=seed
    )
    typer.echo(markdown(rows))


if __name__ == "__main__":
    app()
