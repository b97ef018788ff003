"""One data folder, one database, and the servers over them, as whoever operates them sees them from outside."""

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
from tests.chaos.clients.requests import Receipt
from tests.chaos.servers.processes import PATIENCE_S, Prefork, Server
from tests.chaos.servers.serve import ServerOptions

_STANDSTILL_S: Final = 90.0
"""Without any change, after which what has not ended never will."""
_AN_ORPHAN_S: Final = 7200.0
"""An age at which a file without a record is deleted."""
_LOOK_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Unfinished:
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
    """The tests read the database beside the servers, and never write to it."""

    def __init__(
        self,
        nursery: Prefork,
        folder: Path,
        *,
        database: URL | None = None,
        lease_s: float = 1.0,
        worker: Sequence[str] = ("--call-s", "0.001"),
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """None is SQLite in the data folder. `worker` are the fake worker's options, `settings` more `DARKROOM_*`."""
        self.data_dir: Final = folder / "data"
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._nursery = nursery
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
            **(settings or {}),
        }
        if database is None:
            # Read-only: a connection that may write would check the log point when it is the last to be closed.
            url = f"sqlite:///file:{self.data_dir / 'jobs.sqlite3'}?mode=ro&uri=true"
            self._database = create_engine(url, poolclass=NullPool, connect_args={"timeout": PATIENCE_S})
        else:
            self._environment["DARKROOM_DATABASE_URL"] = database.render_as_string(hide_password=False)
            self._database = create_engine(database, poolclass=NullPool)

    def start(self, *, stain: str = "", sweep_s: float = 60.0, key_lifetime_s: float = 86400.0) -> Server:
        """Another server, which may not be ready yet."""
        name = f"server-{next(self._numbers)}"
        trap = self._folder / f"{name}.trap"
        trap.mkdir()
        options = ServerOptions(
            trap=str(trap),
            worker=self._worker,
            stain=stain,
            sweep_s=sweep_s,
            key_lifetime_s=key_lifetime_s,
        )
        server = self._nursery.start(options, self._environment, self._folder / f"{name}.log")
        self._servers.append(server)
        return server

    def close(self) -> None:
        for server in self._servers:
            server.send(signal.SIGKILL)
            server.wait("a server that was killed")
            server.close()

    @property
    def server(self) -> Server:
        """The last that was started."""
        return self._servers[-1]

    def url(self) -> str:
        """Of the last server that has told where it is."""
        self._last_url = self.server.url or self._last_url
        return self._last_url

    def unfinished(self) -> list[Unfinished]:
        columns = (jobs.c.id, jobs.c.status, jobs.c.attempt, jobs.c.version, jobs.c.losses, jobs.c.lease_owner)
        query = select(*columns).where(jobs.c.status.not_in(TERMINAL)).order_by(jobs.c.id)
        with self._database.connect() as connection:
            return [Unfinished(*row) for row in connection.execute(query)]

    def running(self, server: Server) -> list[Unfinished]:
        """Jobs that a server holds."""
        return [job for job in self.unfinished() if job.status == Status.RUNNING and job.owner_pid == server.pid]

    def settle(self) -> None:
        """Until every job has ended. Raises TimeoutError where nothing changes any more and some have not."""
        before, changed_at = None, time.monotonic()
        while now := self.unfinished():
            if now != before:
                before, changed_at = now, time.monotonic()
            elif time.monotonic() - changed_at > _STANDSTILL_S:
                raise TimeoutError(f"jobs that nobody ends: {now}")
            time.sleep(_LOOK_S)

    def stored(self) -> Stored:
        with self._database.connect() as connection:
            made: dict[str, list[Any]] = {}
            for row in connection.execute(select(images).order_by(images.c.image_index)):
                made.setdefault(row.job_id, []).append(stored_image(row))
            records = [job_record(row, made.get(row.id, [])) for row in connection.execute(select(jobs))]
            keys = connection.execute(select(idempotency_keys.c.key, idempotency_keys.c.job_id)).all()
        return Stored({record.id: record for record in records}, {row.key: row.job_id for row in keys}, self._files())

    def served(self, receipts: Sequence[Receipt], server: Server | None = None) -> Served:
        """What a server, the last if none is named, says of all jobs that were accepted."""
        found: dict[str, dict[str, Any]] = {}
        files: dict[str, str] = {}
        with httpx2.Client(base_url=self.url() if server is None else str(server.url), timeout=PATIENCE_S) as client:
            for job_id in {job_id for receipt in receipts for job_id in receipt.job_ids}:
                answer = client.get(f"{ROOT}/{job_id}")
                if answer.status_code == 200:
                    found[job_id] = answer.json()
                    for image in found[job_id]["images"]:
                        files[image["url"]] = _sha256(client.get(image["url"]).content)
        return Served(found, files)

    def age_files(self) -> None:
        """Let all images be old enough for those without a record to be deleted."""
        long_ago = time.time() - _AN_ORPHAN_S
        for folder in (self.data_dir / "images").glob("??/job_*"):
            os.utime(folder, (long_ago, long_ago))

    def orphans(self) -> set[str]:
        """Jobs without a record that have a folder."""
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
def opened(site: Cluster) -> Iterator[Cluster]:
    """A site whose servers end with the context."""
    try:
        yield site
    finally:
        site.close()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
