"""A cluster: one data folder, one database, and the servers that share them, observed from outside the servers."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx2
from sqlalchemy import URL, NullPool, create_engine, select

from service.jobs.records import TERMINAL, JobRecord, Status
from service.jobs.store.row_mapping import job_record, stored_image
from service.jobs.store.tables import idempotency_keys, images, jobs
from tests.chaos.clients.load import ROOT
from tests.chaos.clients.reconcile import Served, Stored
from tests.chaos.clients.requests import Observation
from tests.chaos.servers.processes import TIMEOUT_S, Prefork, Server
from tests.chaos.servers.serve import ServerOptions

_STANDSTILL_S: Final = 90.0
"""Seconds without any change after which unfinished jobs count as stuck."""
_ORPHAN_AGE_S: Final = 7200.0
"""An age at which servers delete a file without a record."""
_POLL_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class UnfinishedJob:
    """A job that has not ended."""

    id: str
    status: str
    attempt: int
    version: int
    losses: int
    owner: str | None

    @property
    def owner_pid(self) -> int | None:
        return None if self.owner is None else int(self.owner.split("/")[1])


class Cluster:
    """Starts servers. Reads the database while the servers use it, and never writes to it."""

    def __init__(
        self,
        prefork: Prefork,
        folder: Path,
        *,
        database: URL | None = None,
        lease_s: float = 1.0,
        worker: Sequence[str] = ("--call-s", "0.001"),
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """`database` None means SQLite in the data folder. `worker` are options of the fake worker.

        `settings` are further `DARKROOM_*` variables of the servers.
        """
        self.data_dir: Final = folder / "data"
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._prefork = prefork
        self._worker = tuple(worker)
        self._numbers = itertools.count(1)
        self._servers: list[Server] = []
        self._last_url = ""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("DARKROOM_")}
        self._environment = kept | {
            "DARKROOM_PORT": "0",
            "DARKROOM_ADMIN_PORT": "none",
            "DARKROOM_CACHE_DIR": "none",
            "DARKROOM_DATA_DIR": str(self.data_dir),
            "DARKROOM_JOB_LEASE_S": str(lease_s),
            "DARKROOM_DRAIN_TIMEOUT_S": "0",
            "DARKROOM_MIN_FREE_BYTES": str(1 << 20),
            **(settings or {}),
        }
        if database is None:
            # Read-only, because a writable connection would make a checkpoint where it is the last to be closed.
            url = f"sqlite:///file:{self.data_dir / 'jobs.sqlite3'}?mode=ro&uri=true"
            self._database = create_engine(url, poolclass=NullPool, connect_args={"timeout": TIMEOUT_S})
        else:
            self._environment["DARKROOM_DATABASE_URL"] = database.render_as_string(hide_password=False)
            self._database = create_engine(database, poolclass=NullPool)

    def start(
        self, *, watermark: str = "", sweep_s: float = 60.0, key_lifetime_s: float = 86400.0, leak_bytes: int = 0
    ) -> Server:
        """Start another server. It may not be ready yet."""
        name = f"server-{next(self._numbers)}"
        failpoints = self._folder / f"{name}.failpoints"
        failpoints.mkdir()
        options = ServerOptions(
            failpoints=str(failpoints),
            worker=self._worker,
            watermark=watermark,
            sweep_s=sweep_s,
            key_lifetime_s=key_lifetime_s,
            leak_bytes=leak_bytes,
        )
        server = self._prefork.start(options, self._environment, self._folder / f"{name}.log")
        self._servers.append(server)
        return server

    def close(self) -> None:
        for server in self._servers:
            server.send(signal.SIGKILL)
            server.wait("a server that was killed")
            server.close()

    @property
    def server(self) -> Server:
        """The server that was started last."""
        return self._servers[-1]

    def url(self) -> str:
        """Return the URL of the newest server that has printed its URL."""
        self._last_url = self.server.url or self._last_url
        return self._last_url

    def unfinished(self) -> list[UnfinishedJob]:
        columns = (jobs.c.id, jobs.c.status, jobs.c.attempt, jobs.c.version, jobs.c.losses, jobs.c.lease_owner)
        query = select(*columns).where(jobs.c.status.not_in(TERMINAL)).order_by(jobs.c.id)
        with self._database.connect() as connection:
            return [UnfinishedJob(*row) for row in connection.execute(query)]

    def running(self, server: Server) -> list[UnfinishedJob]:
        """Return the jobs that a server has claimed."""
        return [job for job in self.unfinished() if job.status == Status.RUNNING and job.owner_pid == server.pid]

    def wait_until_jobs_end(self) -> None:
        """Raises TimeoutError where some jobs have not ended and nothing changes any more."""
        before, changed_at = None, time.monotonic()
        while now := self.unfinished():
            if now != before:
                before, changed_at = now, time.monotonic()
            elif time.monotonic() - changed_at > _STANDSTILL_S:
                raise TimeoutError(f"stuck jobs: {now}")
            time.sleep(_POLL_S)

    def stored(self) -> Stored:
        with self._database.connect() as connection:
            images_by_job: dict[str, list[Any]] = {}
            for row in connection.execute(select(images).order_by(images.c.image_index)):
                images_by_job.setdefault(row.job_id, []).append(stored_image(row))
            records = [job_record(row, images_by_job.get(row.id, [])) for row in connection.execute(select(jobs))]
            keys = connection.execute(select(idempotency_keys.c.key, idempotency_keys.c.job_id)).all()
        return Stored({record.id: record for record in records}, {row.key: row.job_id for row in keys}, self._files())

    def served(self, observations: Sequence[Observation], server: Server | None = None) -> Served:
        """Return what `server`, or else the newest server, answers about all jobs that were accepted."""
        found: dict[str, dict[str, Any]] = {}
        files: dict[str, str] = {}
        with httpx2.Client(base_url=self.url() if server is None else str(server.url), timeout=TIMEOUT_S) as client:
            for job_id in {job_id for observation in observations for job_id in observation.job_ids}:
                answer = client.get(f"{ROOT}/{job_id}")
                if answer.status_code == 200:
                    found[job_id] = answer.json()
                    for image in found[job_id]["images"]:
                        files[image["url"]] = _sha256(client.get(image["url"]).content)
        return Served(found, files)

    def age_files(self) -> None:
        """Make all image folders look so old that servers delete those without a record."""
        long_ago = time.time() - _ORPHAN_AGE_S
        for folder in (self.data_dir / "images").glob("??/job_*"):
            os.utime(folder, (long_ago, long_ago))

    def orphans(self) -> set[str]:
        """Return the ids of the image folders whose jobs have no record."""
        with self._database.connect() as connection:
            known = set(connection.execute(select(jobs.c.id)).scalars())
        return {folder.name for folder in (self.data_dir / "images").glob("??/job_*")} - known

    def records(self) -> dict[str, JobRecord]:
        return dict(self.stored().records)

    def _files(self) -> dict[str, dict[str, str]]:
        return {
            folder.name: {file.name: _sha256(file.read_bytes()) for file in folder.iterdir()}
            for folder in (self.data_dir / "images").glob("??/job_*")
        }


@contextlib.contextmanager
def opened(cluster: Cluster) -> Iterator[Cluster]:
    """End the cluster's servers when the context ends."""
    try:
        yield cluster
    finally:
        cluster.close()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
