"""Stores and reads the image files of jobs and the files of uploads off the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Awaitable, Callable

from service.errors import StoreUnavailableError
from service.images.inputs.folder import InputFolder, InputName
from service.images.storage import ImageFolder
from service.jobs.file_access import FileAccess


class ImageFiles:
    """An `ImageFolder` for use in an event loop. Tracks whether the folder can be written to."""

    def __init__(self, folder: ImageFolder) -> None:
        self._folder = folder
        self._access = FileAccess()
        self._thumbnails: dict[tuple[str, int, int], asyncio.Task[bytes]] = {}
        """Thumbnails that are being read or made, by job, index and attempt."""

    @property
    def available(self) -> bool:
        """False after a write failed because of the disk, until a write succeeds."""
        return self._access.available

    async def put(self, job_id: str, index: int, media_type: str, data: bytes, *, attempt: int = 1) -> str:
        """Stores an image file and returns its SHA-256 in hexadecimal. Raises `StoreUnavailableError`."""
        await self._access.write(lambda: self._folder.put(job_id, index, media_type, data, attempt=attempt))
        return hashlib.sha256(data).hexdigest()

    async def read(self, job_id: str, index: int, media_type: str, *, attempt: int = 1) -> bytes:
        """Returns an image file. Raises FileNotFoundError and `StoreUnavailableError`."""
        return await self._access.read(lambda: self._folder.read(job_id, index, media_type, attempt=attempt))

    async def thumbnail(
        self,
        job_id: str,
        index: int,
        media_type: str,
        make: Callable[[bytes], Awaitable[bytes]],
        *,
        attempt: int = 1,
    ) -> bytes:
        """Returns an image's thumbnail. At the first request `make` makes it from the image's file, and it is stored;
        requests that come meanwhile wait for it.

        Raises FileNotFoundError and `StoreUnavailableError`.
        """
        key = (job_id, index, attempt)
        if key not in self._thumbnails:
            self._thumbnails[key] = asyncio.create_task(self._thumbnail(job_id, index, media_type, make, attempt))
            self._thumbnails[key].add_done_callback(lambda _: self._thumbnails.pop(key))
        return await asyncio.shield(self._thumbnails[key])

    async def thumbnail_size_bytes(self, job_id: str, index: int, *, attempt: int = 1) -> int | None:
        """Returns the size of a stored thumbnail, None where there is none. Raises `StoreUnavailableError`."""
        with contextlib.suppress(FileNotFoundError):
            return await self._access.read(
                lambda: self._folder.thumbnail_size_bytes(job_id, index, attempt=attempt),
            )
        return None

    async def _thumbnail(
        self, job_id: str, index: int, media_type: str, make: Callable[[bytes], Awaitable[bytes]], attempt: int
    ) -> bytes:
        with contextlib.suppress(FileNotFoundError):
            return await self._access.read(lambda: self._folder.read_thumbnail(job_id, index, attempt=attempt))
        made = await make(await self.read(job_id, index, media_type, attempt=attempt))
        with contextlib.suppress(StoreUnavailableError):  # It can be made again.
            await self._access.write(lambda: self._put_thumbnail(job_id, index, made, attempt))
        return made

    def _put_thumbnail(self, job_id: str, index: int, made: bytes, attempt: int) -> None:
        with contextlib.suppress(FileNotFoundError):  # The image has been deleted meanwhile.
            self._folder.put_thumbnail(job_id, index, made, attempt=attempt)

    async def delete(self, job_id: str) -> None:
        """Deletes all image files of a job. Raises `StoreUnavailableError`."""
        await self._access.write(lambda: self._folder.delete(job_id))

    async def delete_one(self, job_id: str, index: int, media_type: str, *, attempt: int = 1) -> None:
        """Deletes an image file, if it is there. Raises `StoreUnavailableError`."""
        await self._access.write(lambda: self._folder.delete_one(job_id, index, media_type, attempt=attempt))

    async def jobs_older_than(self, seconds: float) -> list[str]:
        """Does what `ImageFolder.jobs_older_than` does. Raises `StoreUnavailableError`."""
        return await self._access.read(lambda: list(self._folder.jobs_older_than(seconds)))

    async def probe(self) -> None:
        """Writes and deletes a file to find out whether writing works. Raises `StoreUnavailableError`."""
        await self._access.write(self._folder.probe)

    def close(self) -> None:
        self._access.close()


class UploadFiles:
    """An `InputFolder` for use in an event loop."""

    def __init__(self, folder: InputFolder) -> None:
        self._folder = folder
        self._access = FileAccess()

    async def put(self, name: InputName, data: bytes) -> None:
        """Stores a file. Raises `StoreUnavailableError`."""
        await self._access.write(lambda: self._folder.put(name, data))

    async def read(self, name: InputName) -> bytes:
        """Returns a file. Raises FileNotFoundError and `StoreUnavailableError`."""
        return await self._access.read(lambda: self._folder.read(name))

    async def delete(self, name: InputName) -> None:
        """Deletes the file, if it is there. Raises `StoreUnavailableError`."""
        await self._access.write(lambda: self._folder.delete(name))

    async def older_than(self, seconds: float) -> list[InputName]:
        """Returns what `InputFolder.older_than` yields. Raises `StoreUnavailableError`."""
        return await self._access.read(lambda: list(self._folder.older_than(seconds)))

    def close(self) -> None:
        self._access.close()
