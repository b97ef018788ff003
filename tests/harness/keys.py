"""API keys for tests: keys with known secrets, a store of keys in memory, and servers that need none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, create_engine, insert, select

from service.auth.authenticator import Authenticator
from service.auth.identity import DEFAULT_TENANT, Role
from service.auth.key_repository import KeyRow, row_values
from service.auth.keys import ApiKey, digest
from service.auth.sessions import SessionSigner
from service.errors import StoreUnavailableError
from service.jobs.store.tables import api_keys

NOON: Final = 1_700_000_000.0
"""A time in Unix seconds."""
DAY_S: Final = 86400.0


def secret_of(name: str) -> str:
    """A secret for a key of that name, always the same."""
    return f"drk_{digest(name)[:43]}"


def api_key(name: str, *, tenant: str = DEFAULT_TENANT, role: Role = Role.USER, **fields: Any) -> ApiKey:
    """A key whose secret is `secret_of(name)`."""
    given = {"created_at": NOON, **fields}
    return ApiKey(id=f"key_{name}", sha256=digest(secret_of(name)), name=name, role=role, tenant=tenant, **given)


def open_to_all() -> Authenticator:
    """The authenticator of a server without keys."""
    return Authenticator(None, SessionSigner(b"server key", lifetime_s=DAY_S), require_keys=None, clock=lambda: NOON)


class KeysInMemory:
    """The store of a key ring. `keys` are those that it holds at present."""

    def __init__(self, *keys: ApiKey) -> None:
        self.keys = list(keys)
        self.is_reachable = True
        self.recorded: list[Mapping[str, float]] = []

    async def rows(self) -> Sequence[KeyRow]:
        if not self.is_reachable:
            raise StoreUnavailableError("Out of reach.")
        engine = create_engine("sqlite://")
        with engine.begin() as connection:
            api_keys.create(connection)
            for key in self.keys:
                connection.execute(insert(api_keys).values(**row_values(key)))
            rows = connection.execute(select(api_keys)).all()
        engine.dispose()
        return rows

    async def record_uses(self, used_at: Mapping[str, float]) -> None:
        self.recorded.append(dict(used_at))


def bearer(name: str) -> dict[str, str]:
    """The header that brings the secret of the key of that name."""
    return {"Authorization": f"Bearer {secret_of(name)}"}


def insert_keys(database: URL, keys: Iterable[ApiKey]) -> None:
    """Adds keys to a database whose schema is up to date. Servers know them within a second."""
    engine = create_engine(database)
    with engine.begin() as connection:
        connection.execute(insert(api_keys), [row_values(key) for key in keys])
    engine.dispose()


def write_key_file(path: Path) -> Path:
    """Writes the keys `alice` and `bob`, of users with tenants of these names, and `root`, an admin's."""
    users = [f"{secret_of(name)} name={name} tenant={name} role=user" for name in ("alice", "bob")]
    path.write_text("\n".join([*users, f"{secret_of('root')} name=root"]))
    return path
