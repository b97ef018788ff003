"""Checks that a long-running server does not grow: database, log, images, memory and open files must level off."""

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
from tests.chaos.clients.requests import uniform
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
_MAX_GROWTH: Final = 1.1
"""Largest permitted ratio of the second half's maximum to the first half's."""
_SLACK: Final = {
    "database_bytes": 1 << 20,
    "log_bytes": 5 << 20,
    "image_bytes": MAX_IMAGE_BYTES,
    "image_files": 100,
    "server_bytes": 16 << 20,
    "worker_bytes": 8 << 20,
    "open_files": 16,
}
"""Added to the permitted growth, because the samples are taken at random moments. Units as in the names.

SQLite starts its log anew once it has 1,000 pages, about 4 MiB, which a short run reaches in its second half only.
"""
_CLIENTS: Final = 16
_WAIT_S: Final = 60
"""Seconds that a client waits for the end of its job."""
_SAMPLES: Final = 200
"""Number of samples, evenly spread over the jobs."""
_TIMEOUT_S: Final = 1800.0
"""Limit on the seconds between two samples."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The sizes of one server at one moment."""

    jobs: int
    """Jobs that were accepted so far."""
    database_bytes: int
    log_bytes: int
    """SQLite's write-ahead log."""
    image_bytes: int
    image_files: int
    server_bytes: int
    """Resident memory."""
    worker_bytes: int
    open_files: int


def grow(cluster: Cluster, jobs: int) -> tuple[Tally, list[Sample]]:
    """Run this many small jobs through a cluster that was created with `SETTINGS`."""
    server = cluster.start(sweep_s=_SWEEP_S, key_lifetime_s=_KEY_LIFETIME_S)
    server.wait_until_ready()
    samples: list[Sample] = []
    make_request = uniform("growth", wait_s=_WAIT_S, num_inference_steps=1)
    load = Load(cluster.url, make_request, clients=_CLIENTS, limit=jobs, answer_s=2 * _WAIT_S)
    with server.worker() as worker, load:
        for accepted in range(0, jobs, max(jobs // _SAMPLES, 1)):
            _wait_for(load, accepted)
            samples.append(_sample(cluster, server, worker, accepted))
        load.join()
    tally = Tally(discrepancies=[*_unsuccessful(load), *find_growth(samples)])
    tally.counts["jobs accepted"] = load.accepted
    tally.counts["jobs succeeded"] = sum(
        observation.final_statuses == {Status.SUCCEEDED} for observation in load.observations
    )
    return tally, samples


def find_growth(samples: Sequence[Sample]) -> list[Discrepancy]:
    """Return the sizes whose maximum in the second half exceeds the first half's by more than is permitted."""
    half = samples[-1].jobs / 2
    first, second = ([s for s in samples if (s.jobs <= half) is early] for early in (True, False))
    grown = []
    for name, slack in _SLACK.items():
        before, after = (max(getattr(sample, name) for sample in part) for part in (first, second))
        if after > before * _MAX_GROWTH + slack:
            grown.append(Discrepancy("unbounded growth", f"{name}: at most {before}, and then {after}"))
    return grown


def _sample(cluster: Cluster, server: Server, worker: Process, accepted: int) -> Sample:
    # `rglob` fails where a folder is deleted while it is read; `os.walk` does not.
    found = [Path(folder) / name for folder, _, names in os.walk(cluster.data_dir / "images") for name in names]
    files = [size for file in found if (size := _size(file)) is not None]
    return Sample(
        jobs=accepted,
        database_bytes=_size(cluster.data_dir / "jobs.sqlite3") or 0,
        log_bytes=_size(cluster.data_dir / "jobs.sqlite3-wal") or 0,
        image_bytes=sum(files),
        image_files=len(files),
        server_bytes=server.resident_bytes,
        worker_bytes=worker.resident_bytes,
        open_files=server.open_files,
    )


def _size(file: Path) -> int | None:
    """Return the size in bytes, or None where the file has just been deleted."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return None


def _wait_for(load: Load, jobs: int) -> None:
    wait_until(lambda: load.accepted >= jobs, f"{jobs} accepted jobs", timeout_s=_TIMEOUT_S)


def _unsuccessful(load: Load) -> list[Discrepancy]:
    """Every client sees its job succeed, because it waits for the end, long before retention deletes the job."""
    return [
        Discrepancy(
            "job whose success the client did not see",
            f"{each.request.key}: {sorted(each.final_statuses)} {each.errors}",
        )
        for each in load.observations
        if each.final_statuses != {Status.SUCCEEDED} or each.errors
    ]
