"""Holds a server's keys in memory, and reads them so often that a change counts in every process within a second.

Requests look up keys here and never in the database. All methods belong to one event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

import structlog

from service.auth.key_file import KeyFile
from service.auth.key_repository import KeyRow, key_of
from service.auth.keys import MAX_SECRET_CHARACTERS, ApiKey, digest
from service.jobs.background import log_and_continue

READ_EVERY_S: Final = 0.4
"""Seconds between two reads. Together with the time of a read this stays well below a second."""
_USES_EVERY_S: Final = 60.0
"""Seconds between two records of a key's last use, which is worth no more than a write a minute."""

_log = structlog.get_logger("darkroom.auth")


class KeyStore(Protocol):
    """The stored keys, as `KeyRepository` has them. Both methods may raise `StoreUnavailableError`."""

    async def rows(self) -> Sequence[KeyRow]: ...

    async def record_uses(self, used_at: Mapping[str, float]) -> None: ...


class KeyRing:
    def __init__(
        self,
        store: KeyStore,
        file: KeyFile | None = None,
        *,
        is_open: Callable[[], bool],
        clock: Callable[[], float],
        read_every_s: float = READ_EVERY_S,
    ) -> None:
        """`is_open` tells whether the store has been opened. Raises ValueError where the file's keys cannot be used."""
        self._store = store
        self._file = file
        self._is_open = is_open
        self._clock = clock
        self._read_every_s = read_every_s
        self._rows: Sequence[KeyRow] | None = None
        self._stored: Sequence[ApiKey] = ()
        self._in_file: Sequence[ApiKey] = () if file is None else file.read()
        self._file_fault: str | None = None
        self._by_digest: dict[str, ApiKey] = {}
        self._by_id: dict[str, ApiKey] = {}
        self._used_at: dict[str, float] = {}
        self._recorded_at: dict[str, float] = {}
        self._watchers: list[Callable[[], None]] = []
        self.has_keys = False
        """True once there has been a key: a server whose last key has ended does not become open to all."""
        self._index()

    @property
    def is_known(self) -> bool:
        """Whether the store was read at least once."""
        return self._rows is not None

    def watch(self, watcher: Callable[[], None]) -> None:
        """Calls `watcher` after each read, when keys may have been added, revoked or expired."""
        self._watchers.append(watcher)

    def find(self, secret: str) -> ApiKey | None:
        """Returns the key of this secret, which may have ended."""
        if len(secret) > MAX_SECRET_CHARACTERS:
            return None
        sha256 = digest(secret)
        key = self._by_digest.get(sha256)
        return key if key is not None and key.has_digest(sha256) else None

    def find_id(self, key_id: str) -> ApiKey | None:
        """Returns the key of this id, which may have ended."""
        return self._by_id.get(key_id)

    def used(self, key: ApiKey) -> None:
        """Remembers that the key was used. It is recorded later."""
        self._used_at[key.id] = self._clock()

    async def run(self) -> None:
        """Reads the keys until canceled."""
        while True:
            with log_and_continue("reading the API keys"):
                await self.refresh()
            # Keys expire even while the store cannot be read.
            for watcher in self._watchers:
                watcher()
            with log_and_continue("recording the use of API keys"):
                await self._record_uses()
            await asyncio.sleep(self._read_every_s)

    async def refresh(self) -> None:
        """Reads the keys. Those of a store that cannot be read stay as they are. Raises `StoreUnavailableError`."""
        self._refresh_file()
        self._index()
        if not self._is_open():
            return
        rows = await self._store.rows()
        if rows != self._rows:
            self._rows, self._stored = rows, [key_of(row) for row in rows]
            self._index()

    def _refresh_file(self) -> None:
        """Reads the key file. A file that became unusable has no keys: whoever emptied it wanted that."""
        if self._file is None:
            return
        try:
            self._in_file, fault = self._file.read(), None
        except ValueError as error:
            self._in_file, fault = (), str(error)
        if fault is not None and fault != self._file_fault:
            _log.error("the keys of the key file do not count", reason=fault)
        self._file_fault = fault

    def _index(self) -> None:
        keys = [*self._in_file, *self._stored]
        self._by_digest = {key.sha256: key for key in keys}
        self._by_id = {key.id: key for key in keys}
        self.has_keys = self.has_keys or bool(keys)

    async def _record_uses(self) -> None:
        now = self._clock()
        due = {
            key.id: self._used_at[key.id]
            for key in self._stored
            if key.id in self._used_at and abs(now - self._recorded_at.get(key.id, 0.0)) >= _USES_EVERY_S
        }
        if due and self._is_open():
            await self._store.record_uses(due)
            for key_id in due:
                self._recorded_at[key_id] = now
                del self._used_at[key_id]
