"""Stores and reads image files off the event loop, and raises disk failures as `StoreUnavailableError`."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

import structlog

from service.errors import StoreUnavailableError
from service.images.storage import ImageFolder

_THREADS: Final = 4
_RETRY_S: Final = 2.0

T = TypeVar("T")

_log = structlog.get_logger("darkroom.jobs")


class ImageFiles:
    """An `ImageFolder` for use in an event loop. Tracks whether the folder can be written to."""

    def __init__(self, folder: ImageFolder) -> None:
        self._folder = folder
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="images")
        self._available = True

    @property
    def available(self) -> bool:
        """False after a write failed because of the disk, until a write succeeds."""
        return self._available

    async def put(self, job_id: str, index: int, media_type: str, data: bytes, *, attempt: int = 1) -> str:
        """Stores an image file and returns its SHA-256 in hexadecimal. Raises `StoreUnavailableError`."""
        await self._write(lambda: self._folder.put(job_id, index, media_type, data, attempt=attempt))
        return hashlib.sha256(data).hexdigest()

    async def read(self, job_id: str, index: int, media_type: str, *, attempt: int = 1) -> bytes:
        """Returns an image file. Raises FileNotFoundError and `StoreUnavailableError`."""
        try:
            return await self._run(lambda: self._folder.read(job_id, index, media_type, attempt=attempt))
        except FileNotFoundError:
            raise
        except OSError as error:
            raise self._unavailable(error) from None

    async def delete(self, job_id: str) -> None:
        """Deletes all image files of a job. Raises `StoreUnavailableError`."""
        await self._write(lambda: self._folder.delete(job_id))

    async def jobs_older_than(self, seconds: float) -> list[str]:
        """Returns what `ImageFolder.jobs_older_than` yields. Raises `StoreUnavailableError`."""
        try:
            return await self._run(lambda: list(self._folder.jobs_older_than(seconds)))
        except OSError as error:
            raise self._unavailable(error) from None

    async def probe(self) -> None:
        """Writes and deletes a file to find out whether writing works. Raises `StoreUnavailableError`."""
        await self._write(self._folder.probe)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _write(self, work: Callable[[], None]) -> None:
        try:
            await self._run(work)
        except OSError as error:
            # A folder that disappears during a write was deleted with its job. That is no failure of the disk.
            self._available = isinstance(error, FileNotFoundError)
            raise self._unavailable(error) from None
        self._available = True

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def _unavailable(self, error: OSError) -> StoreUnavailableError:
        _log.error("image files cannot be stored or read", fault=error.strerror)
        return StoreUnavailableError("The image store cannot be reached.", retry_after_s=_RETRY_S)
