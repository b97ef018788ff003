"""Each tenant has a secret of its own, which is stored nowhere; after a change the former one signs for a day."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from service.jobs.store.database import Database
from service.jobs.store.tables import webhook_secrets
from service.webhooks.tenant_secrets import MAX_AT_ONCE, OVERLAP_S, TenantSecrets
from tests.service.jobs.conftest import Connect

KEY = bytes(range(32))


@pytest.fixture
def secrets(database: Database) -> TenantSecrets:
    return TenantSecrets(database, KEY)


async def test_a_tenant_has_a_secret_before_anything_is_written(secrets: TenantSecrets, connect: Connect) -> None:
    mine = await secrets.current("alice", now=0.0)

    assert len(mine) == 32
    assert await secrets.signing("alice", now=0.0) == [mine]
    assert await TenantSecrets(connect(), KEY).current("alice", now=9.0) == mine
    assert await secrets.current("bob", now=0.0) != mine
    assert await TenantSecrets(connect(), bytes(32)).current("alice", now=0.0) != mine


async def test_after_a_change_both_secrets_sign_for_a_day(secrets: TenantSecrets, connect: Connect) -> None:
    first, bobs = await secrets.current("alice", now=0.0), await secrets.current("bob", now=0.0)
    second = await secrets.rotate("alice", now=10.0)

    others = TenantSecrets(connect(), KEY)
    assert await others.signing("alice", now=10.0) == [second, first]
    assert await others.signing("alice", now=9.0 + OVERLAP_S) == [second, first]
    assert await others.signing("alice", now=10.0 + OVERLAP_S) == [second]
    assert await others.signing("bob", now=10.0) == [bobs]


async def test_many_changes_leave_few_secrets(secrets: TenantSecrets, database: Database) -> None:
    made = [await secrets.current("alice", now=0.0)]
    made += [await secrets.rotate("alice", now=float(number)) for number in range(1, 10)]

    assert await secrets.signing("alice", now=10.0) == made[::-1][:MAX_AT_ONCE]
    stored = await database.read(lambda connection: connection.execute(select(webhook_secrets)).all())
    assert len(stored) == MAX_AT_ONCE + 1
    assert not any(secret.hex() in str(row) for row in stored for secret in made)
