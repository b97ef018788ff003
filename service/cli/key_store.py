"""Reads and changes the API keys in the store of the settings, whether or not a server runs on it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from service.auth.key_repository import KeyRepository
from service.auth.keys import ApiKey, NewKey, make_key
from service.cli.store import StoreError, format_table, iso_time, run_in_store
from service.jobs.store.database import Database
from service.settings import Settings

T = TypeVar("T")

_UNITS_S: Final = {"m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION: Final = re.compile(r"([1-9][0-9]{0,5})([mhd])", re.ASCII)
_COLUMNS: Final = ("id", "name", "tenant", "role", "state", "created", "expires", "last used")


class KeyStoreError(Exception):
    """The keys cannot be read or changed. The message tells the reason."""


def create(settings: Settings, new: NewKey) -> tuple[ApiKey, str]:
    """Returns a new key and its secret. Raises `KeyStoreError`."""

    async def work(keys: KeyRepository, now: float) -> tuple[ApiKey, str]:
        key, secret = make_key(new, now=now)
        await keys.add(key)
        return key, secret

    return _run(settings, work)


def listed(settings: Settings) -> tuple[Sequence[ApiKey], float]:
    """Returns all keys, the oldest first, and the time of the store. Raises `KeyStoreError`."""

    async def work(keys: KeyRepository, now: float) -> tuple[Sequence[ApiKey], float]:
        return await keys.all(), now

    return _run(settings, work)


def revoke(settings: Settings, key_ids: Sequence[str]) -> list[str]:
    """Revokes keys. Returns the ids that no unrevoked key has. Raises `KeyStoreError`."""

    async def work(keys: KeyRepository, now: float) -> list[str]:
        return [key_id for key_id in key_ids if not await keys.revoke(key_id, now=now)]

    return _run(settings, work)


def parse_expiry(text: str, now: float) -> float:
    """Reads 30m, 12h, 90d, or a time in ISO 8601, which is UTC unless it names a zone. Returns Unix seconds.

    Raises ValueError.
    """
    duration = _DURATION.fullmatch(text)
    if duration is not None:
        return now + float(duration[1]) * _UNITS_S[duration[2]]
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("must be a duration such as 12h or 90d, or a date such as 2030-01-31") from None
    expires_at = (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    if expires_at <= now:
        raise ValueError("is in the past")
    return expires_at


def response_fields(key: ApiKey, now: float) -> dict[str, Any]:
    """Returns all fields of a key but its digest, for JSON."""
    fields = {**asdict(key), "state": key.validity(now).value, "role": key.role.value}
    times = {name: iso_time(value) for name, value in fields.items() if name.endswith("_at")}
    return {name: value for name, value in (fields | times).items() if name != "sha256"}


def table(keys: Sequence[ApiKey], now: float) -> str:
    """Returns a table with a line for each key."""
    return format_table([_COLUMNS, *(_row(key, now) for key in keys)])


def _row(key: ApiKey, now: float) -> tuple[str, ...]:
    times = (iso_time(value) or "never" for value in (key.created_at, key.expires_at, key.last_used_at))
    return (key.id, key.name, key.tenant, key.role.value, key.validity(now).value, *times)


def _run(settings: Settings, work: Callable[[KeyRepository, float], Awaitable[T]]) -> T:
    async def in_store(database: Database) -> T:
        return await work(KeyRepository(database), database.clock.now())

    try:
        return run_in_store(settings, in_store)
    except StoreError as error:
        raise KeyStoreError(str(error)) from error
