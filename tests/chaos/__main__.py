"""The long version of the chaos tests: many more kills, every failpoint several times, and every outage of a store.

    python -m tests.chaos [--kills 200] [--rounds 4] [--calls 12] [--growth-jobs 0] [--seed 1] [--folder FOLDER]

Composes the trials and runs them one after another. Prints what was done and found, and exits with status 1 where there
are discrepancies.
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
from tests.chaos.campaign import Tally, kill, lose_answers, verify_orphans_are_deleted
from tests.chaos.clients.reconcile import Discrepancy
from tests.chaos.servers.cluster import Cluster, opened
from tests.chaos.servers.processes import Prefork
from tests.chaos.troubles import rollouts, zombies
from tests.chaos.troubles.disks import NotPermittedError, full, locked, small_disk
from tests.chaos.troubles.failpoints import FAILPOINTS
from tests.chaos.troubles.outages import fail_calls, injections, run_through
from tests.harness.postgres import PostgresServer

_DISK_MEGABYTES: Final = 24
_POSTGRES_KILLS: Final = 10
"""Kills at random times in each round with PostgreSQL."""
_RESTARTS: Final = 10
"""Servers that are replaced in each rollout."""
_MAX_SHOWN: Final = 20
"""Discrepancies that are printed."""

Trial: TypeAlias = tuple[str, Callable[[Cluster], Tally], dict[str, object]]
"""Name, function, and options of the `Cluster` that it gets."""


def main() -> int:
    options = _options()
    console, total, failed = Console(), Tally(), 0
    began = time.monotonic()
    folder = Path(options.folder or tempfile.mkdtemp(prefix="darkroom-"))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # An exception, so that servers and disks are cleaned up.
    with Prefork() as prefork, contextlib.closing(_trials(options, folder)) as trials:
        for number, (name, trial, cluster_options) in enumerate(trials):
            started = time.monotonic()
            # Each trial has other options, so they are a plain dict here; `Cluster` refuses those it does not know.
            with opened(Cluster(prefork, folder / str(number), **cluster_options)) as cluster:  # type: ignore[arg-type]
                tally = _run_trial(trial, cluster)
            total += tally
            failed += bool(tally.discrepancies)
            seconds = time.monotonic() - started
            console.print(f"{name}: {seconds:.0f} s, {len(tally.discrepancies)} discrepancies", highlight=False)
    console.print(_table(total, time.monotonic() - began))
    for discrepancy in total.discrepancies[:_MAX_SHOWN]:
        console.print(f"{discrepancy.kind}: {discrepancy.about}", highlight=False, soft_wrap=True)
    if not failed and options.folder is None:
        shutil.rmtree(folder)
    if failed:
        console.print(f"The servers' data and logs are in {folder}", highlight=False, soft_wrap=True)
    return 1 if failed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--kills", type=int, default=200, help="total number of kills at random times")
    parser.add_argument("--rounds", type=int, default=4, help="how often each failpoint, zombie and outage is tried")
    parser.add_argument("--calls", type=int, default=12, help="how many system calls of each kind fail, one by one")
    parser.add_argument("--growth-jobs", type=int, default=0, help="number of small jobs to run through one server")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", help="for the servers' data and logs; a temporary folder if not given")
    return parser.parse_args()


def _trials(options: argparse.Namespace, folder: Path) -> Generator[Trial, None, None]:
    for round_ in range(options.rounds):
        seed = options.seed + round_
        at_random = options.kills // options.rounds + (round_ < options.kills % options.rounds)
        yield f"{at_random} kills at random times, {len(FAILPOINTS)} at failpoints", _kill(seed, at_random), {}
        yield "answers lost at every failpoint", functools.partial(lose_answers, seed=seed), {}
        for point in zombies.STOP_POINTS:
            late, early = (functools.partial(wake, point=point) for wake in (zombies.wake_late, zombies.wake_early))
            lease: dict[str, object] = {"lease_s": zombies.LEASE_S}
            yield f"a zombie stopped at {point}, woken late", late, lease
            yield f"a zombie stopped at {point}, woken early", early, lease | {"worker": zombies.SLOW_WORKER}
        for ended_by in (signal.SIGTERM, signal.SIGKILL):
            rollout = functools.partial(rollouts.roll_out, restarts=_RESTARTS, ended_by=ended_by)
            yield f"{_RESTARTS} restarts by {ended_by.name}", rollout, {"worker": rollouts.SLOW_WORKER}
        yield "a full disk", functools.partial(_fill, place=".", refuses=True), {}
        yield "a disk full of images", functools.partial(_fill, place="images", refuses=False), {}
        yield "a locked database", _lock, {}
    yield from _postgres_trials(options)
    if options.calls:
        calls = functools.partial(_fail_calls, log=folder / "strace", numbers=range(1, options.calls + 1))
        yield f"failing system calls, numbers 1 to {options.calls}", calls, {}
    if options.growth_jobs:
        settings: dict[str, object] = {"worker": (), "settings": growth.SETTINGS}
        yield f"{options.growth_jobs} small jobs", functools.partial(_grow, jobs=options.growth_jobs), settings


def _postgres_trials(options: argparse.Namespace) -> Iterator[Trial]:
    with tempfile.TemporaryDirectory(prefix="darkroom-", ignore_cleanup_errors=True) as folder:
        try:
            postgres = PostgresServer(Path(folder))
        except pytest.skip.Exception as missing:
            yield "PostgreSQL", _not_permitted(str(missing)), {}
            return
        postgres.start()
        try:
            for round_ in range(options.rounds):
                kills = _kill(options.seed + round_, _POSTGRES_KILLS)
                yield "kills with PostgreSQL", kills, {"database": postgres.create_database()}
                for outage in (postgres.stopped, postgres.frozen):
                    trial = functools.partial(run_through, outage=outage, refuses=True)
                    yield f"PostgreSQL {outage.__name__}", trial, {"database": postgres.create_database()}
        finally:
            postgres.stop()


def _not_permitted(reason: str) -> Callable[[Cluster], Tally]:
    def trial(cluster: Cluster) -> Tally:
        raise NotPermittedError(reason)

    return trial


def _run_trial(trial: Callable[[Cluster], Tally], cluster: Cluster) -> Tally:
    try:
        return trial(cluster)
    except NotPermittedError as error:
        return Tally(Counter({f"trials not permitted ({error})": 1}))
    except (TimeoutError, RuntimeError) as error:
        return Tally(discrepancies=[Discrepancy("trial that did not finish", str(error))])


def _kill(seed: int, at_random: int) -> Callable[[Cluster], Tally]:
    def trial(cluster: Cluster) -> Tally:
        tally = kill(cluster, seed, at_random=at_random)
        tally.discrepancies += verify_orphans_are_deleted(cluster)
        return tally

    return trial


def _fill(cluster: Cluster, *, place: str, refuses: bool) -> Tally:
    disk = cluster.data_dir / place
    disk.mkdir(exist_ok=True)
    with small_disk(disk, _DISK_MEGABYTES):
        return run_through(cluster, functools.partial(full, disk), refuses=refuses)


def _lock(cluster: Cluster) -> Tally:
    return run_through(cluster, functools.partial(locked, cluster.data_dir / "jobs.sqlite3"), refuses=True)


def _fail_calls(cluster: Cluster, *, log: Path, numbers: range) -> Tally:
    return fail_calls(cluster, injections(cluster, numbers), "strace", log)


def _grow(cluster: Cluster, *, jobs: int) -> Tally:
    tally, _ = growth.grow(cluster, jobs)
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
