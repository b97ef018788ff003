"""Opens the store: brings its schema up to date and learns its time, and repeats that until it can be reached."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

import structlog

from service.errors import StoreUnavailableError
from service.images.free_space import FreeSpace
from service.jobs.background import log_and_continue
from service.jobs.store.database import Database
from service.jobs.store.migrations import UnusableStoreError, migrate

_RETRY_S: Final = 1.0
_UNUSABLE_RETRY_S: Final = 30.0

_log = structlog.get_logger("darkroom.jobs")


class StoreOpening:
    """Opens one store. All methods belong to one event loop."""

    def __init__(self, database: Database, space: FreeSpace) -> None:
        self._database = database
        self._space = space
        self.is_migrated = False
        """Whether the schema is known to be up to date."""

    async def check(self) -> None:
        """Migrates the store if it can be reached. Closes it and raises `UnusableStoreError` if it is unusable."""
        try:
            with contextlib.suppress(StoreUnavailableError):
                await self._migrate()
        except UnusableStoreError:
            await self._database.close()
            raise

    async def open(self) -> None:
        """Migrates the store and learns its time. Raises `UnusableStoreError` and `StoreUnavailableError`."""
        await self._migrate()
        await self._database.learn_time()

    async def open_eventually(self) -> None:
        """Returns once the store is open, however long that takes."""
        while True:
            await asyncio.sleep(_RETRY_S)
            with log_and_continue("opening the job store"):
                self._space.update_reserve()
                try:
                    await self.open()
                except UnusableStoreError as error:
                    _log.error("the job store cannot be used", reason=str(error))
                    await asyncio.sleep(_UNUSABLE_RETRY_S)
                else:
                    return

    async def _migrate(self) -> None:
        await migrate(self._database)
        self.is_migrated = True
