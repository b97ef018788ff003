"""Stores API keys in the database. All times are Unix seconds, passed in by the caller."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update

from service.auth.identity import Quotas, Role
from service.auth.keys import ApiKey
from service.jobs.store.database import Database
from service.jobs.store.tables import api_keys

KeyRow: TypeAlias = Row[Any]

KEEP_ENDED_S: Final = 30 * 86400.0
"""Seconds for which an expired or revoked key stays listed."""

_ALL: Final = select(api_keys).order_by(api_keys.c.created_at, api_keys.c.id)
_FORGET_ENDED: Final = delete(api_keys).where(
    func.coalesce(api_keys.c.revoked_at, api_keys.c.expires_at) < bindparam("ended_before")
)
_REVOKE: Final = (
    update(api_keys)
    .where(api_keys.c.id == bindparam("key_id"), api_keys.c.revoked_at.is_(None))
    .values(revoked_at=bindparam("now"))
)
_USE: Final = update(api_keys).where(api_keys.c.id == bindparam("key_id")).values(last_used_at=bindparam("used_at"))
_QUOTAS: Final = [field.name for field in fields(Quotas)]


class KeyRepository:
    """The stored keys. Every method may raise `StoreUnavailableError`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, key: ApiKey) -> None:
        """Records a key. Forgets those that ended long ago, so that the table does not grow for ever."""

        def work(connection: Connection) -> None:
            connection.execute(_FORGET_ENDED, {"ended_before": key.created_at - KEEP_ENDED_S})
            connection.execute(insert(api_keys).values(**row_values(key)))

        await self._database.write(work)

    async def rows(self) -> Sequence[KeyRow]:
        """Returns the rows of all keys, ended ones too, oldest first. The cheap query runs in another thread."""
        return await self._database.scan(lambda connection: connection.execute(_ALL).all())

    async def all(self) -> list[ApiKey]:
        """Returns all keys, ended ones too, the oldest first."""
        return [key_of(row) for row in await self.rows()]

    async def revoke(self, key_id: str, *, now: float) -> bool:
        """Revokes a key. Returns False where there is no such key, or it is revoked already."""
        values = {"key_id": key_id, "now": now}
        return await self._database.write(lambda connection: connection.execute(_REVOKE, values).rowcount > 0)

    async def record_uses(self, used_at: Mapping[str, float]) -> None:
        """Records when keys were used last, by id. A power failure may undo it."""
        values = [{"key_id": key_id, "used_at": when} for key_id, when in used_at.items()]
        await self._database.write(lambda connection: connection.execute(_USE, values), synced=False)


def key_of(row: KeyRow) -> ApiKey:
    return ApiKey(
        id=row.id,
        sha256=row.sha256,
        name=row.name,
        role=Role(row.role),
        tenant=row.tenant,
        quotas=Quotas(**{name: getattr(row, name) for name in _QUOTAS}),
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )


def row_values(key: ApiKey) -> dict[str, Any]:
    """Returns the columns of a key's row."""
    values = asdict(key)
    quotas = values.pop("quotas")
    return {**values, **quotas, "role": key.role.value}
