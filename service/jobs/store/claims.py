"""Lets processes claim jobs, and accepts writes about a job only from its holder. Knows no engine.

Every write about a running job names its attempt, and is refused if another attempt has begun since (a fencing token).
All times are Unix seconds, passed in by the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Insert, Select, Update, bindparam, case, select, update

from service.jobs.records import Claim, JobFailure, LiveState, Status, StoredImage, UnmadeJob
from service.jobs.retention_policy import RetentionPolicy
from service.jobs.store.database import Database
from service.jobs.store.queue.losses import SUSPECT_LOSSES, Lost, put_back
from service.jobs.store.queue.recording import (
    FINISH,
    FINISH_WITH_IMAGE,
    HELD,
    IMAGE_COLUMNS,
    INSERT_IMAGE,
    RECORD_IMAGE,
    RECORD_WITH_IMAGE,
)
from service.jobs.store.queue.taking import TAKE, TAKE_SUSPECT, TAKE_THESE, Taken, take
from service.jobs.store.queue.tenant_queue import WaitingJob
from service.jobs.store.queue.waiting_jobs import WaitingJobs
from service.jobs.store.row_mapping import encoded, image_row
from service.jobs.store.statements import UNHELD, WAITING_COLUMNS, insert_or_ignore, times_of_end
from service.jobs.store.tables import QUEUED, RUNNING, jobs, probes
from service.observability.store_metrics import StoreMetrics

_MAX_LOST: Final = 100
"""Lost jobs that are put back in one transaction."""

_FIRST: Final = select(jobs.c.losses).where(QUEUED).order_by(jobs.c.virtual_deadline_at, jobs.c.id).limit(1)
_running: Final = select(jobs.c.id, jobs.c.attempt, jobs.c.lease_owner).where(RUNNING).limit(_MAX_LOST)
# A lease that ends after `latest` was written by a wrong clock, or before the host was booted.
_UNHEARD: Final = _running.where((jobs.c.lease_until < bindparam("now")) | (jobs.c.lease_until > bindparam("latest")))
_OF_DEAD: Final = _running.where(jobs.c.lease_owner.in_(bindparam("dead", expanding=True)))
_EXTEND: Final = (
    update(jobs)
    .where(*HELD)
    .values(
        lease_until=bindparam("until"),
        # An image may have been recorded since the caller read `live`. Its version stays.
        version=case((jobs.c.version > bindparam("live"), jobs.c.version), else_=bindparam("live")),
        progress=bindparam("made"),
        preview=bindparam("shown"),
    )
)
_RELEASE: Final = (
    update(jobs)
    .where(*HELD)
    .values(version=1, status=Status.QUEUED, attempt=jobs.c.attempt + 1, progress=None, **UNHELD)
    .returning(*WAITING_COLUMNS)
)
_EXISTS: Final = select(jobs.c.id).where(jobs.c.id == bindparam("id"))
_NONE: Final = Taken([], [], [])


class LostError(Exception):
    """This attempt is over: the job was taken over, canceled or deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimPolicy:
    lease_s: float
    """A running job without a heartbeat for this long may be taken over."""
    retention: RetentionPolicy


class JobClaims:
    """The store as seen by a process that runs jobs. Every method may raise `StoreUnavailableError`."""

    def __init__(
        self,
        database: Database,
        policy: ClaimPolicy,
        waiting: WaitingJobs,
        metrics: StoreMetrics | None = None,
        on_unmade: Callable[[UnmadeJob], None] = lambda _: None,
    ) -> None:
        """`waiting` is the process's copy of the queue, shared with its `JobRepository`. `on_unmade` is called for each
        job that fails here.
        """
        self._database = database
        self._policy = policy
        self._waiting = waiting
        self._metrics = metrics or StoreMetrics()
        self._on_unmade = on_unmade

    @property
    def available(self) -> bool:
        """False after a failed access to the database, until a write succeeds."""
        return self._database.available

    async def claim(
        self,
        owner: str,
        *,
        now: float,
        lease_now: float | None = None,
        limit: int,
        images: int | None = None,
        alone: bool = True,
        held: Collection[str] | None = None,
    ) -> list[Claim]:
        """Claims up to `limit` waiting jobs, until they have `images` images.

        Tenants take turns, and within a tenant the virtual deadline decides. Jobs that this process does not know yet
        are claimed, in the order of their virtual deadlines, where none that it knows can be.

        `lease_now` is the time by which leases are measured; None stands for `now`. Jobs whose lease has expired are
        put back first. `held` names the jobs that the owner knows it has: a job that the record gives to the owner and
        that is not in `held` is put back too, since the reply to its claim was lost.

        A suspect, a job that was lost with several processes, runs apart. Where one comes first, it is claimed and no
        other, or, unless the owner is `alone`, nothing is. Jobs that were lost too often fail here, as do jobs whose
        caller's deadline has passed and jobs that this version cannot read. Nothing is written where nothing waits.
        """
        lease_now = now if lease_now is None else lease_now
        room = limit if images is None else images
        parameters = {
            "owner": owner,
            "until": lease_now + self._policy.lease_s,
            "now": now,
            "at_most": limit,
            "room": room,
        }
        while True:
            await self._put_unheard_back(owner, now, lease_now, held)
            first = await self._database.read(lambda connection: connection.execute(_FIRST).first())
            is_suspect = first is not None and first.losses >= SUSPECT_LOSSES
            if first is None or (is_suspect and not alone):
                return []
            # All of them may have failed or been taken by now, and others may wait behind them.
            known = [] if is_suspect else self._waiting.first(limit, room)
            taken = await self._take(TAKE_THESE, {**parameters, "these": known}) if known else _NONE
            if not taken.gone:
                taken = await self._take(TAKE_SUSPECT if is_suspect else TAKE, parameters)
            if taken.claims or not taken.gone:
                return taken.claims

    async def put_dead_back(self, dead: Collection[str], finder: str, *, now: float) -> Collection[str]:
        """Puts the jobs of dead owners back, whatever their leases. Returns the owners that had any.

        An owner may have more: call it again.
        """
        found = await self._lost(_OF_DEAD, {"dead": list(dead)})
        await self._put_back(found, finder, now)
        return {job.owner for job in found}

    async def _put_unheard_back(self, owner: str, now: float, lease_now: float, held: Collection[str] | None) -> None:
        unheard = await self._lost(_UNHEARD, {"now": lease_now, "latest": lease_now + self._policy.lease_s})
        lost = [job for job in unheard if job.owner != owner or (held is not None and job.job_id not in held)]
        await self._put_back(lost, owner, now)

    async def _lost(self, query: Select[Any], parameters: Mapping[str, Any]) -> list[Lost]:
        return await self._database.read(
            lambda connection: [Lost(*row) for row in connection.execute(query, parameters)]
        )

    async def _put_back(self, lost: Sequence[Lost], finder: str, now: float) -> None:
        if not lost:
            return
        done = await self._database.write(
            lambda connection: put_back(connection, lost, finder, now, self._policy.retention),
            urgent=True,
            synced=False,
        )
        self._metrics.job_lost(done.losses)
        for job in done.waiting:
            self._waiting.add(job)
        for failed in done.failed:
            self._on_unmade(failed)

    async def _take(self, statement: Update, parameters: Mapping[str, Any]) -> Taken:
        # Without a sync: a power failure that undoes the claim ends this process too, and the job waits again.
        taken = await self._database.write(
            lambda connection: take(connection, statement, parameters, self._policy.retention),
            urgent=True,
            synced=False,
        )
        self._waiting.claim([claim.job_id for claim in taken.claims])
        for job_id in taken.gone:
            self._waiting.remove(job_id)
        self._metrics.job_claimed(len(taken.claims))
        for failed in taken.failed:
            self._on_unmade(failed)
        return taken

    async def heartbeat(self, held: Mapping[Claim, LiveState], *, now: float) -> set[Claim]:
        """Extends the leases of the jobs that this process runs and records their progress.

        `now` is the time by which leases are measured. Returns the claims that are lost.
        """
        beats = {
            claim: {
                **_of(claim),
                "until": now + self._policy.lease_s,
                "live": live.version,
                "made": encoded(live.progress),
                "shown": encoded(live.preview),
            }
            for claim, live in held.items()
        }
        return await self._database.write(
            lambda connection: {
                claim for claim, beat in beats.items() if connection.execute(_EXTEND, beat).rowcount == 0
            },
            urgent=True,
            synced=False,
        )

    async def add_image(self, claim: Claim, image: StoredImage, *, last_at: float | None = None) -> None:
        """Records an image whose file is already stored. Raises `LostError`.

        `last_at` is given with the last image of a job and is the time at which the job has succeeded: both are
        recorded in one transaction, the end under the next version.
        """
        row = image_row(claim.job_id, image)
        if last_at is None:
            job, statement, whole = _of(claim) | {"new_version": image.version}, RECORD_IMAGE, RECORD_WITH_IMAGE
        else:
            job = self._end(claim, Status.SUCCEEDED, image.version + 1, last_at, None)
            statement, whole = FINISH, FINISH_WITH_IMAGE

        def record(connection: Connection) -> None:
            if connection.dialect.name == "sqlite":
                _fenced(connection, statement, job)
                connection.execute(INSERT_IMAGE, row)
            else:
                _fenced(connection, whole, job | {f"image_{name}": row[name] for name in IMAGE_COLUMNS})

        await self._write(record)

    async def finish(
        self, claim: Claim, status: Status, *, version: int, now: float, failure: JobFailure | None = None
    ) -> None:
        """Records how the job ended. Raises `LostError`."""
        values = self._end(claim, status, version, now, failure)
        await self._write(lambda connection: _fenced(connection, FINISH, values))

    async def release(self, claim: Claim) -> None:
        """Puts an unfinished job back into the queue. Raises `LostError`."""

        def release(connection: Connection) -> WaitingJob:
            row = connection.execute(_RELEASE, _of(claim)).one_or_none()
            if row is None:
                raise LostError
            return WaitingJob(*row)

        self._waiting.add(await self._database.write(release, urgent=True))

    async def exists(self, job_id: str) -> bool:
        return await self._database.read(
            lambda connection: connection.execute(_EXISTS, {"id": job_id}).first() is not None
        )

    async def probe(self, now: float) -> None:
        """Writes a meaningless row to find out whether writing works."""

        def write(connection: Connection) -> None:
            connection.execute(insert_or_ignore(connection, probes).values(only=True, written_at=now))
            connection.execute(update(probes).values(written_at=now))

        await self._write(write)

    def _end(
        self, claim: Claim, status: Status, version: int, now: float, failure: JobFailure | None
    ) -> dict[str, Any]:
        times = times_of_end(now, self._policy.retention)
        return {
            **_of(claim),
            "new_version": version,
            "ended_as": status,
            "why": encoded(failure),
            "ended_at": times["completed_at"],
            "kept_until": times["expires_at"],
        }

    async def _write(self, work: Callable[[Connection], None]) -> None:
        await self._database.write(work, urgent=True)


def _of(claim: Claim) -> dict[str, Any]:
    return {"job": claim.job_id, "held_attempt": claim.attempt}


def _fenced(connection: Connection, statement: Update | Insert, values: Mapping[str, Any]) -> None:
    """Updates the claimed job. Raises `LostError` where the claim no longer holds."""
    if connection.execute(statement, values).rowcount == 0:
        raise LostError
