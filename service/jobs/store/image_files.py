"""Stores and reads the image files of jobs and the files of uploads off the event loop."""

from __future__ import annotations

import hashlib

from service.images.inputs.folder import InputFolder, InputName
from service.images.storage import ImageFolder
from service.jobs.file_access import FileAccess


class ImageFiles:
    """An `ImageFolder` for use in an event loop. Tracks whether the folder can be written to."""

    def __init__(self, folder: ImageFolder) -> None:
        self._folder = folder
        self._access = FileAccess()

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

    async def delete(self, job_id: str) -> None:
        """Deletes all image files of a job. Raises `StoreUnavailableError`."""
        await self._access.write(lambda: self._folder.delete(job_id))

    async def jobs_older_than(self, seconds: float) -> list[str]:
        """Returns what `ImageFolder.jobs_older_than` yields. Raises `StoreUnavailableError`."""
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
        """Raises FileNotFoundError and `StoreUnavailableError`."""
        return await self._access.read(lambda: self._folder.read(name))

    async def delete(self, name: InputName) -> None:
        """Deletes the file, if it is there. Raises `StoreUnavailableError`."""
        await self._access.write(lambda: self._folder.delete(name))

    async def older_than(self, seconds: float) -> list[InputName]:
        """Returns what `InputFolder.older_than` yields. Raises `StoreUnavailableError`."""
        return await self._access.read(lambda: list(self._folder.older_than(seconds)))

    def close(self) -> None:
        self._access.close()
