"""Deletes expired jobs, uploads and idempotency keys, the oldest jobs where they take too much room, and orphan files.

`retention_policy` decides when a job expires.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from sqlalchemy import ColumnElement, delete, func, select, true

from service.jobs.background import log_and_continue
from service.jobs.checkpoints import JobCheckpoints
from service.jobs.records import TERMINAL
from service.jobs.store.access.clock import since_boot
from service.jobs.store.database import Database
from service.jobs.store.image_files import ImageFiles
from service.jobs.store.tables import idempotency_keys, images, jobs
from service.jobs.upkeep.clock_watch import ClockWatch
from service.jobs.uploads import Uploads
from service.observability.store_metrics import DeletionReason, StoreMetrics

_BATCH: Final = 100
"""Maximum number of jobs deleted in one transaction."""
_ORPHAN_S: Final = 3600.0
"""Age at which a file without a record is deleted. A file is stored before its record, so a young one may get one."""
_SWEEPS_PER_FILE_SCAN: Final = 60
_SHARE: Final = 0.25
_SHARE_OF_FEW: Final = 100
"""Maximum share of the ended jobs that expire in one sweep, and their number where there are few. A clock that is
wrong from the start costs only these before somebody can notice."""

_log = structlog.get_logger("darkroom.jobs")


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionConfig:
    max_image_bytes: int
    """Maximum size of all stored images and uploads together."""
    every_s: float = 60.0
    """Seconds between two sweeps."""


class Retention:
    """Sweeps the store at intervals. All methods belong to one event loop."""

    def __init__(
        self,
        database: Database,
        files: ImageFiles,
        uploads: Uploads,
        checkpoints: JobCheckpoints,
        config: RetentionConfig,
        *,
        metrics: StoreMetrics | None = None,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = since_boot,
    ) -> None:
        """`steady` is a clock that never jumps, against which `clock` is checked."""
        self._database = database
        self._files = files
        self._uploads = uploads
        self._checkpoints = checkpoints
        self._config = config
        self._metrics = metrics or StoreMetrics()
        self._clock = clock
        self._watch = ClockWatch(clock, steady=steady)

    async def run(self) -> None:
        """Sweeps until canceled. Files are scanned less often than records, because that takes the longest."""
        for sweep in itertools.count():
            with log_and_continue("deleting what has expired"):
                await self.sweep()
                if sweep % _SWEEPS_PER_FILE_SCAN == 0 and self._watch.is_sane():
                    await self.delete_orphans()
            await asyncio.sleep(self._config.every_s)

    async def sweep(self) -> None:
        """Deletes expired jobs and uploads, those in excess of the size limit, and expired keys.

        While the clock cannot be believed, nothing expires. Raises `StoreUnavailableError`.
        """
        is_sane = self._watch.is_sane()
        if is_sane:
            await self._uploads.delete_unused()
        await self._delete_excess_uploads()
        if is_sane:
            await self._delete_while_found(self._expired, "expired", at_most=await self._max_expiring())
        await self._delete_while_found(self._in_excess, "excess")
        if is_sane:
            await self._uploads.delete_unused()
            await self._delete_expired_keys()

    async def _delete_while_found(
        self, find: Callable[[], Awaitable[list[str]]], reason: DeletionReason, at_most: float = math.inf
    ) -> None:
        """Deletes jobs in batches, up to the first short batch or `at_most` jobs.

        Jobs that can be deleted only since then are left to the next sweep. On a busy server this would never end
        otherwise.
        """
        deleted, found = 0, [""] * _BATCH
        while len(found) == _BATCH and deleted < at_most:
            found = await find()
            if found:
                await self._delete(found)
                self._metrics.jobs_deleted(len(found), reason)
            deleted += len(found)

    async def _max_expiring(self) -> float:
        """Returns how many jobs may expire in this sweep."""
        ended = select(func.count()).select_from(jobs).where(jobs.c.expires_at.is_not(None))
        count = await self._database.scan(lambda connection: connection.execute(ended).scalar_one())
        return max(_SHARE * count, _SHARE_OF_FEW)

    async def _delete_excess_uploads(self) -> None:
        """Deletes uploads that no job starts from, before any job is deleted."""
        excess_bytes = await self._excess_bytes()
        if excess_bytes > 0:
            await self._uploads.delete_excess(excess_bytes)

    async def _excess_bytes(self) -> int:
        total = select(func.coalesce(func.sum(images.c.size_bytes), 0))
        images_bytes = int(await self._database.scan(lambda connection: connection.execute(total).scalar_one()))
        return images_bytes + await self._uploads.total_bytes() - self._config.max_image_bytes

    async def _expired(self) -> list[str]:
        query = select(jobs.c.id).where(jobs.c.expires_at < self._clock()).order_by(jobs.c.expires_at).limit(_BATCH)
        return await self._database.scan(lambda connection: list(connection.execute(query).scalars()))

    async def _in_excess(self) -> list[str]:
        """Returns the jobs that ended first, enough of them to free the bytes in excess of the limit."""
        size = func.sum(images.c.size_bytes)
        oldest = (
            select(jobs.c.id, size)
            .join(images, images.c.job_id == jobs.c.id)
            .where(jobs.c.status.in_(TERMINAL))
            .group_by(jobs.c.id)
            .order_by(jobs.c.completed_at, jobs.c.id)
            .limit(_BATCH)
        )
        excess = await self._excess_bytes()
        if excess <= 0:
            return []
        chosen = []
        for job_id, size_bytes in await self._database.scan(lambda connection: connection.execute(oldest).all()):
            if excess <= 0:
                break
            chosen.append(job_id)
            excess -= int(size_bytes)
        return chosen

    async def _delete(self, job_ids: Sequence[str]) -> None:
        """Deletes records before files, so that a crash between the two leaves only files that cannot be reached."""
        deleting = delete(jobs).where(jobs.c.id.in_(job_ids))
        await self._database.write(lambda connection: connection.execute(deleting))
        for job_id in job_ids:
            await self._files.delete(job_id)

    async def _delete_expired_keys(self) -> None:
        """Deletes expired keys whose job is deleted. While the job exists, a retry must find it by its key."""
        expired = (idempotency_keys.c.expires_at < self._clock()) & idempotency_keys.c.job_id.not_in(select(jobs.c.id))
        some = select(idempotency_keys.c.key).where(expired).limit(1)
        if await self._database.scan(lambda connection: connection.execute(some).first()) is not None:
            await self._database.write(lambda connection: connection.execute(delete(idempotency_keys).where(expired)))

    async def delete_orphans(self) -> None:
        """Deletes old image files without a job, files without an upload, and checkpoints that no job needs.

        Raises `StoreUnavailableError`.
        """
        await self._uploads.delete_orphans(_ORPHAN_S)
        for job_id in await self._without_record(await self._files.jobs_older_than(_ORPHAN_S), true()):
            await self._files.delete(job_id)
            self._metrics.jobs_deleted(1, "orphaned")
        unfinished = jobs.c.status.not_in(TERMINAL)
        for job_id in await self._without_record(await self._checkpoints.jobs_older_than(_ORPHAN_S), unfinished):
            await self._checkpoints.delete(job_id)

    async def _without_record(self, job_ids: Sequence[str], condition: ColumnElement[bool]) -> list[str]:
        """Returns the jobs that have no record for which the condition holds."""
        known: set[str] = set()
        for start in range(0, len(job_ids), _BATCH):
            known |= await self._recorded(job_ids[start : start + _BATCH], condition)
        return [job_id for job_id in job_ids if job_id not in known]

    async def _recorded(self, job_ids: Sequence[str], condition: ColumnElement[bool]) -> set[str]:
        query = select(jobs.c.id).where(jobs.c.id.in_(job_ids), condition)
        return await self._database.scan(lambda connection: set(connection.execute(query).scalars()))
