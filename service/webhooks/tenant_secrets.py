"""The secrets with which webhooks are signed: one for each tenant, and its predecessors for a while after a change.

No secret is stored. It is an HMAC-SHA-256 over the tenant and a random salt under the key that signs links: neither the
database nor a dump of it can forge a delivery, and all servers of a data folder agree. The first one has no salt, so
that a tenant has a secret before anything is written.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, insert, select

from service.jobs.store.database import Database
from service.jobs.store.tables import webhook_secrets

OVERLAP_S: Final = 86400.0
"""Time after a change for which deliveries are signed with the former secret, too."""
MAX_AT_ONCE: Final = 5
"""Secrets that sign a delivery at most: the newest ones."""
_SALT_BYTES: Final = 16
_FIRST_SALT: Final = ""

_OF_TENANT: Final = (
    select(webhook_secrets)
    .where(webhook_secrets.c.tenant == bindparam("owner"))
    .order_by(webhook_secrets.c.created_at.desc(), webhook_secrets.c.salt)
    .limit(MAX_AT_ONCE + 1)
)
_FORGET: Final = delete(webhook_secrets).where(
    webhook_secrets.c.tenant == bindparam("owner"), webhook_secrets.c.salt.not_in(bindparam("kept", expanding=True))
)


class TenantSecrets:
    """All times are Unix seconds, passed in by the caller. Every method may raise `StoreUnavailableError`."""

    def __init__(self, database: Database, server_key: bytes) -> None:
        self._database = database
        self._server_key = server_key

    async def current(self, tenant: str, *, now: float) -> bytes:
        """Returns the tenant's secret."""
        return (await self.signing(tenant, now=now))[0]

    async def signing(self, tenant: str, *, now: float) -> list[bytes]:
        """Returns the secrets that sign the tenant's deliveries, the current one first."""
        rows = await self._database.read(lambda connection: _rows(connection, tenant))
        return [self._secret(tenant, salt) for salt in _valid_salts(rows, now)]

    async def rotate(self, tenant: str, *, now: float) -> bytes:
        """Gives the tenant a new secret and returns it. Those before it sign for `OVERLAP_S` more."""
        salt = secrets.token_hex(_SALT_BYTES)

        def work(connection: Connection) -> None:
            connection.execute(insert(webhook_secrets).values(tenant=tenant, salt=salt, created_at=now))
            kept = [row.salt for row in _rows(connection, tenant)]
            connection.execute(_FORGET, {"owner": tenant, "kept": kept})

        await self._database.write(work)
        return self._secret(tenant, salt)

    def _secret(self, tenant: str, salt: str) -> bytes:
        return hmac.new(self._server_key, f"webhook\n{salt}\n{tenant}".encode(), hashlib.sha256).digest()


def _rows(connection: Connection, tenant: str) -> Sequence[Any]:
    return connection.execute(_OF_TENANT, {"owner": tenant}).all()


def _valid_salts(rows: Sequence[Any], now: float) -> list[str]:
    """Returns the salt that counts, and those that it or a later one has replaced a short time ago."""
    salts = [*(row.salt for row in rows), _FIRST_SALT]
    # Each is replaced when the one before it in the list, which is newer, was made.
    replaced_at = [row.created_at for row in rows]
    former = [salt for salt, at in zip(salts[1:], replaced_at, strict=True) if now < at + OVERLAP_S]
    return [salts[0], *former][:MAX_AT_ONCE]
