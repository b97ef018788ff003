"""Records uploads: their tenants, the jobs that start from them, and the time until which they are kept.

An upload belongs to the tenant that sent it: an equal file of another tenant is another upload. It is kept until its
time is over and as long as a job starts from it. All times are Unix seconds, passed in by the caller.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog
from sqlalchemy import Connection, Delete, Row, delete, exists, func, insert, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from service.images.inputs.folder import InputName
from service.images.inputs.raster import InputFile
from service.jobs.store.database import Database
from service.jobs.store.statements import insert_or_ignore
from service.jobs.store.tables import job_uploads, uploads

FOR_JOBS_ALONE: Final = 0.0
"""The value of `kept_until` for uploads that are deleted with the last job that starts from them."""
_USED: Final = exists().where(job_uploads.c.tenant == uploads.c.tenant, job_uploads.c.sha256 == uploads.c.sha256)

_log = structlog.get_logger("darkroom.jobs")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredUpload:
    """An upload, as it is recorded."""

    name: InputName
    width: int
    height: int
    size_bytes: int
    created_at: float
    kept_until: float
    """When it is deleted unless a job starts from it, in Unix seconds, or `FOR_JOBS_ALONE`."""

    @property
    def sha256(self) -> str:
        return self.name.sha256


def new_upload(file: InputFile, *, now: float, kept_until: float) -> StoredUpload:
    """Returns the record of a file that is about to be stored, under a new name."""
    return StoredUpload(
        name=InputName(file.sha256, secrets.token_hex(16)),
        width=file.width,
        height=file.height,
        size_bytes=len(file.data),
        created_at=now,
        kept_until=kept_until,
    )


class UploadRepository:
    """The store of uploads' records. Every method may raise `StoreUnavailableError`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, tenant: str, upload: StoredUpload) -> StoredUpload:
        """Records an upload whose file is stored. Returns the one that the tenant has, which may be an earlier one."""
        return await self._database.write(lambda connection: record_upload(connection, tenant, upload))

    async def find(self, tenant: str, digests: Collection[str]) -> dict[str, StoredUpload]:
        """Returns the tenant's uploads with these digests. Digests that it does not have are missing."""
        query = select(uploads).where(uploads.c.tenant == tenant, uploads.c.sha256.in_(digests))
        return await self._database.read(
            lambda connection: {row.sha256: _upload(row) for row in connection.execute(query)}
        )

    async def total_bytes(self) -> int:
        """Returns the size of all uploads together."""
        total = select(func.coalesce(func.sum(uploads.c.size_bytes), 0))
        return int(await self._database.scan(lambda connection: connection.execute(total).scalar_one()))

    async def unrecorded(self, names: Collection[InputName]) -> list[InputName]:
        """Returns the names that no upload has."""
        query = select(uploads.c.token).where(uploads.c.token.in_([name.token for name in names]))
        recorded = await self._database.read(lambda connection: set(connection.execute(query).scalars()))
        return [name for name in names if name.token not in recorded]

    async def release(self, tenant: str, sha256: str) -> bool:
        """Keeps an upload for jobs alone from now on. Returns whether the tenant has it."""
        releasing = (
            update(uploads)
            .where(uploads.c.tenant == tenant, uploads.c.sha256 == sha256)
            .values(kept_until=FOR_JOBS_ALONE)
        )
        return await self._database.write(lambda connection: connection.execute(releasing).rowcount > 0)

    async def delete_unused(self, *, now: float, limit: int) -> list[InputName]:
        """Deletes uploads whose time is over and that no job starts from. Returns the names of their files."""
        return await self._delete(uploads.c.kept_until < now, limit)

    async def delete_oldest_unused(self, excess_bytes: int, limit: int) -> list[InputName]:
        """Deletes the oldest uploads that no job starts from, until they free `excess_bytes`.

        Returns the names of their files.
        """
        query = select(uploads).where(~_USED).order_by(uploads.c.created_at).limit(limit)
        chosen = []
        for row in await self._database.scan(lambda connection: connection.execute(query).all()):
            if excess_bytes <= 0:
                break
            chosen.append((row.tenant, row.sha256))
            excess_bytes -= row.size_bytes
        return await self._delete(tuple_(uploads.c.tenant, uploads.c.sha256).in_(chosen), limit) if chosen else []

    async def _delete(self, condition: Any, limit: int) -> list[InputName]:
        found = select(uploads.c.tenant, uploads.c.sha256).where(condition, ~_USED).limit(limit)
        if await self._database.scan(lambda connection: connection.execute(found.limit(1)).first()) is None:
            return []  # Nothing is written where there is nothing to delete.
        deleting: Delete = delete(uploads).where(tuple_(uploads.c.tenant, uploads.c.sha256).in_(found))
        returning = deleting.returning(uploads.c.sha256, uploads.c.token)
        try:
            return await self._database.write(
                lambda connection: [InputName(*row) for row in connection.execute(returning)]
            )
        except IntegrityError:
            # On PostgreSQL a job may have been accepted that starts from one of them. The next pass finds it in use.
            _log.info("uploads that are to be deleted came into use")
            return []


def record_upload(connection: Connection, tenant: str, upload: StoredUpload) -> StoredUpload:
    """Records an upload in the open transaction, or keeps the tenant's earlier one for at least as long."""
    mine = (uploads.c.tenant == tenant) & (uploads.c.sha256 == upload.sha256)
    connection.execute(
        insert_or_ignore(connection, uploads).values(
            tenant=tenant,
            sha256=upload.sha256,
            token=upload.name.token,
            width=upload.width,
            height=upload.height,
            size_bytes=upload.size_bytes,
            created_at=upload.created_at,
            kept_until=upload.kept_until,
        )
    )
    # The update locks the row: whoever deletes unused uploads waits, and then finds it in use.
    later = update(uploads).where(mine, uploads.c.kept_until <= upload.kept_until).values(kept_until=upload.kept_until)
    connection.execute(later)
    return _upload((connection.execute(select(uploads).where(mine))).one())


def attach_uploads(connection: Connection, job_id: str, tenant: str, attached: Sequence[StoredUpload]) -> None:
    """Records in the open transaction that a job starts from these uploads."""
    for upload in attached:
        record_upload(connection, tenant, upload)
        row = {"job_id": job_id, "tenant": tenant, "sha256": upload.sha256}
        connection.execute(insert(job_uploads).values(row))


def _upload(row: Row[Any]) -> StoredUpload:
    return StoredUpload(
        name=InputName(row.sha256, row.token),
        width=row.width,
        height=row.height,
        size_bytes=row.size_bytes,
        created_at=row.created_at,
        kept_until=row.kept_until,
    )
