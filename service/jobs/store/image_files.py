"""Images' files on their way to and from storage, off the event loop, with storage's troubles told as one error."""

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
    """A `ImageFolder` for the event loop, and whether it can be written to."""

    def __init__(self, folder: ImageFolder) -> None:
        self._folder = folder
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="images")
        self._available = True

    @property
    def available(self) -> bool:
        """Whether the last attempt to write was spared by the disk's troubles."""
        return self._available

    async def put(self, job_id: str, index: int, media_type: str, data: bytes, *, attempt: int = 1) -> str:
        """Store an image; the SHA-256 of its bytes, in hex. Raises `StoreUnavailableError`."""
        await self._write(lambda: self._folder.put(job_id, index, media_type, data, attempt=attempt))
        return hashlib.sha256(data).hexdigest()

    async def read(self, job_id: str, index: int, media_type: str, *, attempt: int = 1) -> bytes:
        """Raises `StoreUnavailableError`, and FileNotFoundError."""
        try:
            return await self._run(lambda: self._folder.read(job_id, index, media_type, attempt=attempt))
        except FileNotFoundError:
            raise
        except OSError as error:
            raise self._unavailable(error) from None

    async def delete(self, job_id: str) -> None:
        """Raises `StoreUnavailableError`."""
        await self._write(lambda: self._folder.delete(job_id))

    async def jobs_older_than(self, seconds: float) -> list[str]:
        """As `ImageFolder.jobs_older_than`. Raises `StoreUnavailableError`."""
        try:
            return await self._run(lambda: list(self._folder.jobs_older_than(seconds)))
        except OSError as error:
            raise self._unavailable(error) from None

    async def probe(self) -> None:
        """See whether writing is possible. Raises `StoreUnavailableError`."""
        await self._write(self._folder.probe)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _write(self, work: Callable[[], None]) -> None:
        try:
            await self._run(work)
        except OSError as error:
            # A folder that goes while it is written to was deleted with its job, and says nothing of the disk.
            self._available = isinstance(error, FileNotFoundError)
            raise self._unavailable(error) from None
        self._available = True

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def _unavailable(self, error: OSError) -> StoreUnavailableError:
        _log.error("images cannot be stored or read", fault=error.strerror)
        return StoreUnavailableError("The images' store cannot be reached.", retry_after_s=_RETRY_S)
