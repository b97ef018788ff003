"""Whether a server that goes on for long grows: its database, log, images, memory and open files must level off."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from service.jobs.records import Status
from tests.chaos.campaign import Tally
from tests.chaos.clients.load import Load
from tests.chaos.clients.reconcile import Discrepancy
from tests.chaos.clients.requests import alike
from tests.chaos.servers.cluster import Cluster
from tests.chaos.servers.processes import Process, Server, wait_until

MAX_IMAGE_BYTES: Final = 50_000
"""About 50 of the small images."""
_SWEEP_S: Final = 0.5
_KEY_LIFETIME_S: Final = 5.0
SETTINGS: Final = {
    "DARKROOM_MAX_IMAGE_BYTES": str(MAX_IMAGE_BYTES),
    "DARKROOM_KEEP_JOBS_S": "20",
    "DARKROOM_LOG_LEVEL": "warning",
}
_GROWTH: Final = 1.1
"""What is most in the second half may be so much of what was most in the first."""
_SLACK: Final = {
    "database_bytes": 1 << 20,
    "log_bytes": 1 << 20,
    "image_bytes": MAX_IMAGE_BYTES,
    "image_files": 100,
    "server_bytes": 16 << 20,
    "worker_bytes": 8 << 20,
    "open_files": 16,
}
"""And so much more, as both halves are looked at by chance. Units as the names say."""
_CLIENTS: Final = 16
_WAIT_S: Final = 60
"""For a job's end."""
_SAMPLES: Final = 200
"""In all, spread evenly over the jobs."""
_PATIENCE_S: Final = 1800.0
"""For the jobs between two samples."""


@dataclass(frozen=True, slots=True)
class Sample:
    jobs: int
    """Accepted by then."""
    database_bytes: int
    log_bytes: int
    """SQLite's write-ahead log."""
    image_bytes: int
    image_files: int
    server_bytes: int
    """Resident memory."""
    worker_bytes: int
    open_files: int


def grow(site: Cluster, jobs: int) -> tuple[Tally, list[Sample]]:
    """Put so many small jobs through a site that was made with `SETTINGS`."""
    server = site.start(sweep_s=_SWEEP_S, key_lifetime_s=_KEY_LIFETIME_S)
    server.wait_until_ready()
    samples: list[Sample] = []
    orders = alike("growth", wait_s=_WAIT_S, num_inference_steps=1)
    with server.worker() as worker, Load(site.url, orders, clients=_CLIENTS, limit=jobs, answer_s=2 * _WAIT_S) as load:
        for wanted in range(0, jobs, max(jobs // _SAMPLES, 1)):
            _wait_for(load, wanted)
            samples.append(_sample(site, server, worker, wanted))
        load.join()
    tally = Tally(discrepancies=[*_unseen(load), *level(samples)])
    tally.counts["jobs accepted"] = load.accepted
    tally.counts["jobs succeeded"] = sum(receipt.ends == {Status.SUCCEEDED} for receipt in load.receipts)
    return tally, samples


def level(samples: Sequence[Sample]) -> list[Discrepancy]:
    """What is larger in the second half than the first half allows."""
    half = samples[-1].jobs / 2
    first, second = ([s for s in samples if (s.jobs <= half) is early] for early in (True, False))
    grown = []
    for name, slack in _SLACK.items():
        before, after = (max(getattr(sample, name) for sample in part) for part in (first, second))
        if after > before * _GROWTH + slack:
            grown.append(Discrepancy("growth without end", f"{name}: at most {before}, and then {after}"))
    return grown


def _sample(site: Cluster, server: Server, worker: Process, accepted: int) -> Sample:
    # Not `rglob`, which fails on a folder that goes away as it comes to it.
    found = [Path(folder) / name for folder, _, names in os.walk(site.data_dir / "images") for name in names]
    files = [size for file in found if (size := _size(file)) is not None]
    return Sample(
        jobs=accepted,
        database_bytes=_size(site.data_dir / "jobs.sqlite3") or 0,
        log_bytes=_size(site.data_dir / "jobs.sqlite3-wal") or 0,
        image_bytes=sum(files),
        image_files=len(files),
        server_bytes=server.resident_bytes,
        worker_bytes=worker.resident_bytes,
        open_files=server.open_files,
    )


def _size(file: Path) -> int | None:
    """None where it has just been deleted."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return None


def _wait_for(load: Load, jobs: int) -> None:
    wait_until(lambda: load.accepted >= jobs, f"{jobs} accepted jobs", timeout_s=_PATIENCE_S)


def _unseen(load: Load) -> list[Discrepancy]:
    """Whoever waits for a job is told of its end long before retention comes to it."""
    return [
        Discrepancy("job that was not seen to succeed", f"{each.order.key}: {sorted(each.ends)} {each.complaints}")
        for each in load.receipts
        if each.ends != {Status.SUCCEEDED} or each.complaints
    ]
