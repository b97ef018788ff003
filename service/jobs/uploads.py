"""Stores uploads by digest, finds them for their tenant, and reads them for the engine."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from typing import Final

import structlog

from pipelines.interface import InputPixels
from pipelines.params import PixelKey
from service.errors import GenerationFailedError, NotFoundError, QueueFullError, StoreUnavailableError
from service.images.free_space import FreeSpace
from service.images.inputs.folder import InputName
from service.images.inputs.preparation import input_pixels
from service.images.inputs.raster import InputFile, Raster, decode_raster
from service.jobs.store.image_files import UploadFiles
from service.jobs.store.uploads import FOR_JOBS_ALONE, StoredUpload, UploadRepository, new_upload
from service.observability.store_metrics import StoreMetrics

_BATCH: Final = 100
_FULL_RETRY_S: Final = 60.0

_log = structlog.get_logger("darkroom.jobs")


class Uploads:
    """The uploads of all tenants. All methods belong to one event loop, and may raise `StoreUnavailableError`."""

    def __init__(
        self,
        repository: UploadRepository,
        files: UploadFiles,
        *,
        keep_s: float,
        max_bytes: int,
        space: FreeSpace,
        metrics: StoreMetrics | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """An upload is kept for `keep_s` seconds without any job; all together may have `max_bytes`."""
        self._repository = repository
        self._files = files
        self._keep_s = keep_s
        self._max_bytes = max_bytes
        self._space = space
        self._metrics = metrics or StoreMetrics()
        self._clock = clock

    async def add(self, tenant: str, file: InputFile) -> StoredUpload:
        """Stores a file for the tenant. Raises `QueueFullError` or `StorageFullError` where there is no room."""
        async with self._written([file], kept_until=self._clock() + self._keep_s) as (upload,):
            return await self._repository.add(tenant, upload)

    @contextlib.asynccontextmanager
    async def staged(self, files: Sequence[InputFile]) -> AsyncIterator[Sequence[StoredUpload]]:
        """Stores files that are to be kept as long as a job starts from them, and yields the uploads to record.

        Files that the block has not recorded are deleted. Raises `QueueFullError` or `StorageFullError` where there is
        no room.
        """
        async with self._written(files, kept_until=FOR_JOBS_ALONE) as staged:
            yield staged

    async def find(self, tenant: str, sha256: str) -> StoredUpload:
        """Returns the record of an upload. Raises `NotFoundError`, equally for another tenant's upload."""
        found = await self._repository.find(tenant, [sha256])
        if sha256 not in found:
            raise NotFoundError("There is no such upload.")
        return found[sha256]

    async def read(self, tenant: str, sha256: str) -> Raster:
        """Returns the pixels of an upload. Raises `NotFoundError`."""
        upload = await self.find(tenant, sha256)
        try:
            data = await self._files.read(upload.name)
            return await asyncio.to_thread(decode_raster, data)
        except (FileNotFoundError, ValueError):
            _log.error("the file of a recorded upload is missing or damaged", sha256=sha256)
            raise NotFoundError("There is no such upload.") from None

    async def pixels(self, tenant: str, keys: Iterable[PixelKey]) -> dict[PixelKey, InputPixels]:
        """Returns the pixels that a job's images need. Raises `GenerationFailedError` where an upload is missing."""
        try:
            return {key: await self._pixels(tenant, key) for key in dict.fromkeys(keys)}
        except NotFoundError:
            raise GenerationFailedError("An image that the job starts from is not stored any more.") from None

    async def delete(self, tenant: str, sha256: str) -> None:
        """Deletes an upload or, where jobs start from it, leaves it to the last of them. Raises `NotFoundError`."""
        self._space.update_reserve()
        if not await self._repository.release(tenant, sha256):
            raise NotFoundError("There is no such upload.")
        await self.delete_unused()

    async def delete_unused(self) -> None:
        """Deletes the uploads whose time is over and that no job starts from."""
        self._space.update_reserve()
        while names := await self._repository.delete_unused(now=self._clock(), limit=_BATCH):
            await self._delete_files(names)
            self._metrics.uploads_deleted(len(names), "expired")

    async def delete_excess(self, excess_bytes: int) -> None:
        """Deletes the oldest uploads that no job starts from, until they free `excess_bytes`."""
        names = await self._repository.delete_oldest_unused(excess_bytes, _BATCH)
        await self._delete_files(names)
        self._metrics.uploads_deleted(len(names), "excess")

    async def delete_orphans(self, seconds: float) -> None:
        """Deletes files older than `seconds` that belong to no upload."""
        found = await self._files.older_than(seconds)
        for start in range(0, len(found), _BATCH):
            names = await self._repository.unrecorded(found[start : start + _BATCH])
            await self._delete_files(names)
            self._metrics.uploads_deleted(len(names), "orphaned")

    async def total_bytes(self) -> int:
        return await self._repository.total_bytes()

    def close(self) -> None:
        self._files.close()

    async def _pixels(self, tenant: str, key: PixelKey) -> InputPixels:
        raster = await self.read(tenant, key.digest)
        return await asyncio.to_thread(input_pixels, raster, (key.width, key.height))

    @contextlib.asynccontextmanager
    async def _written(self, files: Sequence[InputFile], *, kept_until: float) -> AsyncIterator[Sequence[StoredUpload]]:
        distinct = list({file.sha256: file for file in files}.values())
        if not distinct:
            yield ()
            return
        await self._check_room(sum(len(file.data) for file in distinct))
        described = [new_upload(file, now=self._clock(), kept_until=kept_until) for file in distinct]
        try:
            for upload, file in zip(described, distinct, strict=True):
                await self._files.put(upload.name, file.data)
            yield described
        finally:
            with contextlib.suppress(StoreUnavailableError):  # `delete_orphans` deletes them later.
                await self._delete_files(await self._repository.unrecorded([upload.name for upload in described]))

    async def _check_room(self, new_bytes: int) -> None:
        self._space.require()
        if await self._repository.total_bytes() + new_bytes > self._max_bytes:
            raise QueueFullError("There is no room for further uploads. Try again later.", retry_after_s=_FULL_RETRY_S)

    async def _delete_files(self, names: Collection[InputName]) -> None:
        for name in names:
            await self._files.delete(name)
