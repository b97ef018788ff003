"""The long soak.

    python -m tests.soak [--minutes 30] [--leak-bytes 0] [--seed 1] [--folder FOLDER]

Prints what was done, how the measured server grew and what was found. Exits with status 1 where something was lost or
grows. `--leak-bytes 65536` plants a leak of 64 KiB for each accepted job, which it must find.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.chaos.servers.cluster import Cluster, opened
from tests.chaos.servers.processes import Prefork
from tests.soak.slopes import BOUNDS, slope_an_hour
from tests.soak.soaking import Soak, soak


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--leak-bytes", type=int, default=0, help="what the server leaks of each accepted job")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", help="for the servers' data and logs; a temporary folder if not given")
    options = parser.parse_args()
    folder = Path(options.folder or tempfile.mkdtemp(prefix="darkroom-"))
    plan = Soak(seconds=60 * options.minutes, seed=options.seed, leak_bytes=options.leak_bytes)
    with Prefork() as prefork, opened(Cluster(prefork, folder)) as cluster:
        tally, samples = soak(cluster, plan)
    table = Table("what", "how many")
    table.columns[1].justify = "right"
    for name, count in sorted(tally.counts.items()):
        table.add_row(name, str(count))
    table.add_section()
    for name in BOUNDS:
        first, last = (getattr(sample, name) for sample in (samples[0], samples[-1]))
        table.add_row(f"{name}: first, last, growth an hour", f"{first:,} {last:,} {slope_an_hour(samples, name):,.0f}")
    table.add_section()
    table.add_row("discrepancies", str(len(tally.discrepancies)))
    console = Console()
    console.print(table)
    for discrepancy in tally.discrepancies[:20]:
        console.print(f"{discrepancy.kind}: {discrepancy.about}", highlight=False, soft_wrap=True)
    console.print(f"The servers' data and logs are in {folder}", highlight=False, soft_wrap=True)
    return 1 if tally.discrepancies else 0


if __name__ == "__main__":
    sys.exit(main())
