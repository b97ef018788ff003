"""Runs accesses to a folder off the event loop, and raises disk failures as `StoreUnavailableError`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

import structlog

from service.errors import StoreUnavailableError

_THREADS: Final = 4
_RETRY_S: Final = 2.0

T = TypeVar("T")

_log = structlog.get_logger("darkroom.jobs")


class FileAccess:
    """Runs accesses in a few threads, and tracks whether the folder can be written to."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="images")
        self._available = True

    @property
    def available(self) -> bool:
        """False after a write failed because of the disk, until a write succeeds."""
        return self._available

    async def write(self, work: Callable[[], None]) -> None:
        """Runs `work`. Raises `StoreUnavailableError` where the disk fails."""
        try:
            await self._run(work)
        except OSError as error:
            self._available = False
            raise _unavailable(error) from None
        self._available = True

    async def read(self, work: Callable[[], T]) -> T:
        """Returns what the work returns. Raises FileNotFoundError and `StoreUnavailableError`."""
        try:
            return await self._run(work)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise _unavailable(error) from None

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)


def _unavailable(error: OSError) -> StoreUnavailableError:
    _log.error("image files cannot be stored or read", fault=error.strerror)
    return StoreUnavailableError("The image store cannot be reached.", retry_after_s=_RETRY_S)
