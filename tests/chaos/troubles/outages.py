"""Outages of the store under load: it is full, fails, is locked or unreachable.

The server must report the outage, lose nothing, and recover without a restart.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, TypeAlias

from tests.chaos.campaign import Tally, verify
from tests.chaos.clients.load import Load
from tests.chaos.clients.requests import mixed, uniform
from tests.chaos.servers.cluster import Cluster
from tests.chaos.servers.processes import wait_until
from tests.chaos.troubles.disks import Injection, count_injected

_ACCEPTED: Final = 3
"""Requests that the server must accept before the outage, and again after it."""

Outage: TypeAlias = Callable[[], contextlib.AbstractContextManager[None]]


def run_through(cluster: Cluster, outage: Outage, *, refuses: bool) -> Tally:
    """Keep the outage up until the server is not ready and, if it `refuses` jobs meanwhile, has refused some."""
    server = cluster.start()
    server.wait_until_ready()
    with Load(cluster.url, uniform("outage", n=2), clients=6, unfinished=10) as load:
        _wait_for_acceptances(load)
        with outage():
            wait_until(lambda: not server.ready, "a server that is not ready")
            refusals = load.refusals
            wait_until(lambda: not refuses or load.refusals > refusals, "a refusal")
        server.wait_until_ready()
        _wait_for_acceptances(load)
    tally = verify(cluster, load, faults=1)
    tally.counts["outages"] += 1
    return tally


def fail_calls(cluster: Cluster, injections: Iterable[Injection], strace: str, log: Path, seed: int = 1) -> Tally:
    """Apply one injection after another under load, each until a call has failed. Raises `NotPermittedError`."""
    server, faults = cluster.start(), 0
    server.wait_until_ready()
    with Load(cluster.url, mixed(seed)) as load:
        for injection in injections:
            with injection.inject(server, strace, log):
                wait_until(lambda: count_injected(log) > 0, f"a failure of {injection.call}")
            faults += count_injected(log)
            server.wait_until_ready()
        _wait_for_acceptances(load)
    tally = verify(cluster, load, faults=faults)
    tally.counts["failed system calls"] += faults
    return tally


def _wait_for_acceptances(load: Load) -> None:
    target = load.accepted + _ACCEPTED
    wait_until(lambda: load.accepted >= target, "requests that are accepted")


def injections(cluster: Cluster, numbers: Iterable[int]) -> list[Injection]:
    """Return injections into each kind of call that writes jobs and images, for the calls with these numbers."""
    database = cluster.data_dir / "jobs.sqlite3"
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
