"""A store in trouble under load: full, failing, locked or gone. The server must say so, lose nothing, and recover.

In none of these is the server started again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, TypeAlias

from tests.chaos.campaign import Tally, reckon
from tests.chaos.clients.load import Load
from tests.chaos.clients.requests import alike, mixed
from tests.chaos.servers.cluster import Cluster
from tests.chaos.servers.processes import wait_until
from tests.chaos.troubles.disks import Injection, injected

_MORE: Final = 3
"""Orders accepted before and after the trouble."""

Trouble: TypeAlias = Callable[[], contextlib.AbstractContextManager[None]]


def endure(site: Cluster, trouble: Trouble, *, refuses: bool) -> Tally:
    """Until the server is not ready and, where it is known that it `refuses` jobs then, has refused some."""
    server = site.start()
    server.wait_until_ready()
    with Load(site.url, alike("trouble", n=2), clients=6, unfinished=10) as load:
        _wait_for_more(load)
        with trouble():
            wait_until(lambda: not server.ready, "a server that is not ready")
            refused = load.refusals
            wait_until(lambda: not refuses or load.refusals > refused, "a refusal")
        server.wait_until_ready()
        _wait_for_more(load)
    tally = reckon(site, load, strikes=1)
    tally.counts["troubles"] += 1
    return tally


def fail_calls(site: Cluster, injections: Iterable[Injection], strace: str, log: Path, seed: int = 1) -> Tally:
    """One injection after the other under load, each until it has struck. Raises `NotPermittedError`."""
    server, strikes = site.start(), 0
    server.wait_until_ready()
    with Load(site.url, mixed(seed)) as load:
        for injection in injections:
            with injection.into(server, strace, log):
                wait_until(lambda: injected(log) > 0, f"a failure of {injection.call}")
            strikes += injected(log)
            server.wait_until_ready()
        _wait_for_more(load)
    tally = reckon(site, load, strikes=strikes)
    tally.counts["failed system calls"] += strikes
    return tally


def _wait_for_more(load: Load) -> None:
    wanted = load.accepted + _MORE
    wait_until(lambda: load.accepted >= wanted, "orders that are accepted")


def injections(site: Cluster, numbers: Iterable[int]) -> list[Injection]:
    """For each number, that call of each kind by which jobs and images get to the disk."""
    database = site.data_dir / "jobs.sqlite3"
    log = database.with_name("jobs.sqlite3-wal")
    return [
        Injection(call, error, str(number), paths)
        for number in numbers
        for call, error, paths in (
            ("fdatasync", "EIO", (log,)),
            ("pwrite64", "EIO", (log,)),
            ("pwrite64", "ENOSPC", (log,)),
            ("fsync", "EIO", ()),
            ("write", "ENOSPC", ()),
            ("/^rename", "EIO", ()),
        )
    ]
