"""The table of keys, on SQLite and PostgreSQL, and what several processes on one database see of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from service.auth.identity import Quotas, Role
from service.auth.key_repository import KEEP_ENDED_S, KeyRepository
from service.auth.key_ring import KeyRing
from service.auth.keys import Validity
from service.jobs.store.database import Database
from tests.harness.keys import NOON, api_key, secret_of
from tests.service.jobs.conftest import Connect

FULL = api_key(
    "full",
    tenant="alice",
    role=Role.ADMIN,
    quotas=Quotas(requests_per_minute=60, max_jobs=3, device_s_per_minute=1.5, max_stored_bytes=5_000_000_000),
    expires_at=NOON + 10,
)


@pytest.fixture
def keys(database: Database) -> KeyRepository:
    return KeyRepository(database)


async def test_every_field_of_a_key_comes_back(keys: KeyRepository) -> None:
    await keys.add(FULL)
    await keys.add(api_key("bare", created_at=NOON + 1))

    assert await keys.all() == [FULL, api_key("bare", created_at=NOON + 1)]


async def test_a_key_is_revoked_once(keys: KeyRepository) -> None:
    await keys.add(FULL)

    assert await keys.revoke(FULL.id, now=NOON + 1)
    assert not await keys.revoke(FULL.id, now=NOON + 2)
    assert not await keys.revoke("key_unknown", now=NOON)
    assert await keys.all() == [replace(FULL, revoked_at=NOON + 1)]


async def test_uses_are_recorded(keys: KeyRepository) -> None:
    await keys.add(FULL)

    await keys.record_uses({FULL.id: NOON + 5, "key_unknown": NOON})

    assert await keys.all() == [replace(FULL, last_used_at=NOON + 5)]


async def test_keys_that_ended_long_ago_are_forgotten_when_another_is_made(keys: KeyRepository) -> None:
    old: dict[str, dict[str, Any]] = {"expired": {"expires_at": NOON}, "revoked": {"revoked_at": NOON}, "valid": {}}
    for name, fields in old.items():
        await keys.add(api_key(name, **fields))

    await keys.add(api_key("soon", created_at=NOON + KEEP_ENDED_S))
    assert {key.name for key in await keys.all()} == {*old, "soon"}
    await keys.add(api_key("later", created_at=NOON + KEEP_ENDED_S + 1))
    assert {key.name for key in await keys.all()} == {"valid", "soon", "later"}


async def test_a_secret_has_one_key(keys: KeyRepository) -> None:
    await keys.add(FULL)

    with pytest.raises(IntegrityError):
        await keys.add(replace(FULL, id="key_another"))


async def test_a_key_that_is_revoked_in_one_process_ends_in_every_other(connect: Connect) -> None:
    command, *servers = (KeyRepository(connect()) for _ in range(3))
    await command.add(FULL)
    rings = [KeyRing(server, is_open=lambda: True, clock=lambda: NOON) for server in servers]
    reading = [asyncio.create_task(ring.run()) for ring in rings]
    seen: list[asyncio.Event] = []
    for ring in rings:
        seen.append(asyncio.Event())
        ring.watch(seen[-1].set)
    await asyncio.gather(*(event.wait() for event in seen))
    found = [ring.find(secret_of("full")) for ring in rings]
    assert found == [FULL, FULL]

    await command.revoke(FULL.id, now=NOON)
    for _ in range(2):  # A reading may have begun before.
        for event in seen:
            event.clear()
        await asyncio.gather(*(event.wait() for event in seen))
    for task in reading:
        task.cancel()

    after = [ring.find(secret_of("full")) for ring in rings]
    assert [key and key.validity(NOON) for key in after] == [Validity.REVOKED, Validity.REVOKED]
