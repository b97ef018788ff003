"""The long version of the chaos tests: many more kills, each point several times, and whatever else can befall a store.

    python -m tests.chaos [--kills 200] [--rounds 4] [--growth-jobs 0] [--seed 1] [--folder FOLDER]

Composition only. It ends by itself, prints what was done and what came of it, and exits with 1 where anything that
clients were told is not so.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Final, TypeAlias

import pytest
from rich.console import Console
from rich.table import Table

from tests.chaos import growth
from tests.chaos.campaign import Tally, clear_away, kill, lose_answers
from tests.chaos.clients.reconcile import Discrepancy
from tests.chaos.servers.cluster import Cluster, opened
from tests.chaos.servers.processes import Prefork
from tests.chaos.troubles import zombies
from tests.chaos.troubles.disks import NotPermittedError, full, locked, small_disk
from tests.chaos.troubles.points import POINTS
from tests.chaos.troubles.store_troubles import endure, fail_calls, injections
from tests.harness.postgres import PostgresServer

_DISK_MEGABYTES: Final = 24
_KILLS_BESIDE_POSTGRES: Final = 10
"""At random times, in a round."""
_SHOWN: Final = 20
"""Discrepancies."""

Trial: TypeAlias = tuple[str, Callable[[Cluster], Tally], dict[str, object]]
"""Its name, what is done, and the options of its `Cluster`."""


def main() -> int:
    options = _options()
    console, total, failed = Console(), Tally(), 0
    began = time.monotonic()
    folder = Path(options.folder or tempfile.mkdtemp(prefix="darkroom-"))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # Not without ending the servers and the disks.
    with Prefork() as nursery, contextlib.closing(_trials(options, folder)) as trials:
        for number, (name, trial, site_options) in enumerate(trials):
            started = time.monotonic()
            with opened(Cluster(nursery, folder / str(number), **site_options)) as site:  # type: ignore[arg-type]
                tally = _tried(trial, site)
            total += tally
            failed += bool(tally.discrepancies)
            seconds = time.monotonic() - started
            console.print(f"{name}: {seconds:.0f} s, {len(tally.discrepancies)} discrepancies", highlight=False)
    console.print(_table(total, time.monotonic() - began))
    for discrepancy in total.discrepancies[:_SHOWN]:
        console.print(f"{discrepancy.kind}: {discrepancy.about}", highlight=False, soft_wrap=True)
    if not failed and options.folder is None:
        shutil.rmtree(folder)
    if failed:
        console.print(f"The servers' data and logs are in {folder}", highlight=False, soft_wrap=True)
    return 1 if failed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--kills", type=int, default=200, help="kills at random times, in all")
    parser.add_argument("--rounds", type=int, default=4, help="how often each point, zombie and trouble comes")
    parser.add_argument("--calls", type=int, default=12, help="of each kind of system call, how many fail in turn")
    parser.add_argument("--growth-jobs", type=int, default=0, help="small jobs put through one server; none if 0")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", help="for the servers' data and logs; a temporary one if not given")
    return parser.parse_args()


def _trials(options: argparse.Namespace, folder: Path) -> Generator[Trial, None, None]:
    for round_ in range(options.rounds):
        seed = options.seed + round_
        at_random = options.kills // options.rounds + (round_ < options.kills % options.rounds)
        yield f"{at_random} kills at random times, {len(POINTS)} at points", _kill(seed, at_random), {}
        yield "answers lost at every point", functools.partial(lose_answers, seed=seed), {}
        for point in zombies.POINTS:
            late, early = (functools.partial(wake, point=point) for wake in (zombies.wake_late, zombies.wake_early))
            site: dict[str, object] = {"lease_s": zombies.LEASE_S}
            yield f"a zombie stopped at {point}, woken late", late, site
            yield f"a zombie stopped at {point}, woken early", early, site | {"worker": zombies.SLOW_WORKER}
        yield "a full disk", functools.partial(_fill, place=".", refuses=True), {}
        yield "a disk full of images", functools.partial(_fill, place="images", refuses=False), {}
        yield "a locked database", _lock, {}
    yield from _postgres_trials(options)
    if options.calls:
        calls = functools.partial(_fail_calls, log=folder / "strace", numbers=range(1, options.calls + 1))
        yield f"failing system calls, the first to the {options.calls}th", calls, {}
    if options.growth_jobs:
        settings: dict[str, object] = {"worker": (), "settings": growth.SETTINGS}
        yield f"{options.growth_jobs} small jobs", functools.partial(_grow, jobs=options.growth_jobs), settings


def _postgres_trials(options: argparse.Namespace) -> Iterator[Trial]:
    with tempfile.TemporaryDirectory(prefix="darkroom-", ignore_cleanup_errors=True) as folder:
        try:
            postgres = PostgresServer(Path(folder))
        except pytest.skip.Exception as missing:
            yield "PostgreSQL", _missing(str(missing)), {}
            return
        postgres.start()
        try:
            for round_ in range(options.rounds):
                kills = _kill(options.seed + round_, _KILLS_BESIDE_POSTGRES)
                yield "kills beside PostgreSQL", kills, {"database": postgres.create_database()}
                for trouble in (postgres.stopped, postgres.frozen):
                    endured = functools.partial(endure, trouble=trouble, refuses=True)
                    yield f"PostgreSQL {trouble.__name__}", endured, {"database": postgres.create_database()}
        finally:
            postgres.stop()


def _missing(what: str) -> Callable[[Cluster], Tally]:
    def trial(site: Cluster) -> Tally:
        raise NotPermittedError(what)

    return trial


def _tried(trial: Callable[[Cluster], Tally], site: Cluster) -> Tally:
    try:
        return trial(site)
    except NotPermittedError as error:
        return Tally(Counter({f"trials not permitted ({error})": 1}))
    except (TimeoutError, RuntimeError) as error:
        return Tally(discrepancies=[Discrepancy("trial that came to no end", str(error))])


def _kill(seed: int, at_random: int) -> Callable[[Cluster], Tally]:
    def trial(site: Cluster) -> Tally:
        tally = kill(site, seed, at_random=at_random)
        tally.discrepancies += clear_away(site)
        return tally

    return trial


def _fill(site: Cluster, *, place: str, refuses: bool) -> Tally:
    disk = site.data_dir / place
    disk.mkdir(exist_ok=True)
    with small_disk(disk, _DISK_MEGABYTES):
        return endure(site, functools.partial(full, disk), refuses=refuses)


def _lock(site: Cluster) -> Tally:
    return endure(site, functools.partial(locked, site.data_dir / "jobs.sqlite3"), refuses=True)


def _fail_calls(site: Cluster, *, log: Path, numbers: range) -> Tally:
    return fail_calls(site, injections(site, numbers), "strace", log)


def _grow(site: Cluster, *, jobs: int) -> Tally:
    tally, _ = growth.grow(site, jobs)
    return tally


def _table(tally: Tally, seconds: float) -> Table:
    table = Table("what", "how many")
    table.columns[1].justify = "right"
    for name, count in sorted(tally.counts.items()):
        table.add_row(name, str(count))
    table.add_section()
    table.add_row("discrepancies", str(len(tally.discrepancies)))
    table.add_row("seconds", f"{seconds:.0f}")
    return table


if __name__ == "__main__":
    sys.exit(main())
