"""Counts the bytes that a tenant's images and uploads take in the store. A sum takes a scan, so it is kept for a while.

Bytes that are reserved or stored here are added to it; deletions, and writes of other processes, show in the next sum.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, bindparam, func, select

from service.jobs.store.database import Database
from service.jobs.store.tables import images, jobs, uploads
from service.jobs.store.uploads import FOR_JOBS_ALONE

_KEEP_S: Final = 10.0
"""Seconds. A sum of this age may still admit."""
_REFUSE_S: Final = 1.0
"""Seconds. A sum of this age may still refuse, so that a tenant that deletes something is soon let in again."""
_MAX_TENANTS: Final = 1024

_OF_JOBS: Final = (
    select(jobs.c.expires_at, func.sum(images.c.size_bytes))
    .join(images, images.c.job_id == jobs.c.id)
    .where(jobs.c.tenant == bindparam("owner"))
    .group_by(jobs.c.id, jobs.c.expires_at)
)
_OF_UPLOADS: Final = select(uploads.c.kept_until, uploads.c.size_bytes).where(uploads.c.tenant == bindparam("owner"))


@dataclass(slots=True)
class _Sum:
    bytes: int
    made_s: float
    """When it was made, in seconds of the monotonic clock."""


@dataclass(frozen=True, slots=True)
class Excess:
    """The refusal of bytes for which a tenant has no room."""

    frees_in_s: float | None
    """Seconds until enough of the tenant's bytes have expired; None where that is unknown."""


class StoredBytes:
    """The stored bytes of tenants. All methods belong to one event loop and may raise `StoreUnavailableError`."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._sums: dict[str, _Sum] = {}

    async def reserve(self, tenant: str, new_bytes: int, *, limit_bytes: int) -> Excess | None:
        """Counts `new_bytes` more and returns None, or returns an excess where the tenant would exceed the limit.

        A tenant that has reached its limit has no room for anything, even if the size is not known and 0 is passed.
        """
        kept = await self._sum(tenant, _KEEP_S)
        if not _has_room(kept, new_bytes, limit_bytes):
            kept = await self._sum(tenant, _REFUSE_S)
        if _has_room(kept, new_bytes, limit_bytes):
            kept.bytes += new_bytes
            return None
        return Excess(await self._frees_in_s(tenant, kept.bytes + max(new_bytes, 1) - limit_bytes))

    def add(self, tenant: str, stored_bytes: int) -> None:
        """Counts bytes that were stored without a reservation."""
        if tenant in self._sums:
            self._sums[tenant].bytes += stored_bytes

    async def _sum(self, tenant: str, max_age_s: float) -> _Sum:
        kept = self._sums.get(tenant)
        if kept is not None and self._clock() - kept.made_s <= max_age_s:
            return kept
        total = sum(size for _, size in await self._database.scan(lambda connection: _sizes(connection, tenant)))
        kept = self._sums[tenant] = _Sum(total, self._clock())
        if len(self._sums) > _MAX_TENANTS:
            del self._sums[min(self._sums, key=lambda each: self._sums[each].made_s)]
        return kept

    async def _frees_in_s(self, tenant: str, excess_bytes: int) -> float | None:
        now = self._database.clock.now()
        sizes = await self._database.scan(lambda connection: _sizes(connection, tenant))
        for expires_at, size in sorted((at, size) for at, size in sizes if at is not None):
            excess_bytes -= size
            if excess_bytes <= 0:
                return max(0.0, expires_at - now)
        return None


def _has_room(kept: _Sum, new_bytes: int, limit_bytes: int) -> bool:
    return kept.bytes < limit_bytes and kept.bytes + new_bytes <= limit_bytes


def _sizes(connection: Connection, tenant: str) -> list[tuple[float | None, int]]:
    """Returns when each job and upload of the tenant expires (None if unknown), and its bytes."""
    of_jobs = [(at, int(size)) for at, size in connection.execute(_OF_JOBS, {"owner": tenant})]
    of_uploads = [
        (None if at == FOR_JOBS_ALONE else at, size) for at, size in connection.execute(_OF_UPLOADS, {"owner": tenant})
    ]
    return of_jobs + of_uploads
