"""The identity of a request: its tenant, its role and its quotas."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final, TypeVar

DEFAULT_TENANT: Final = "default"
"""The tenant of requests to a server without keys, and of keys that name no other."""


NumberT = TypeVar("NumberT", int, float)


class Role(enum.StrEnum):
    USER = "user"
    """Sees and changes what belongs to its tenant."""
    ADMIN = "admin"
    """Also manages keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """The limits of one key. None means no limit."""

    requests_per_minute: int | None = None
    max_jobs: int | None = None
    """Number of jobs that have not ended."""
    device_s_per_minute: float | None = None
    """Device seconds that the requests of one minute may cost."""
    max_stored_bytes: int | None = None
    """Bytes of the images and uploads of the key's tenant."""

    def completed(self, defaults: Quotas) -> Quotas:
        """Returns these limits, with those of `defaults` where there is none."""
        return Quotas(
            requests_per_minute=_first(self.requests_per_minute, defaults.requests_per_minute),
            max_jobs=_first(self.max_jobs, defaults.max_jobs),
            device_s_per_minute=_first(self.device_s_per_minute, defaults.device_s_per_minute),
            max_stored_bytes=_first(self.max_stored_bytes, defaults.max_stored_bytes),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    tenant: str
    role: Role
    key_id: str | None = None
    """None where the server has no keys."""
    name: str = ""
    """The key's name, for people."""
    quotas: Quotas = Quotas()


def _first(own: NumberT | None, default: NumberT | None) -> NumberT | None:
    return default if own is None else own


NO_KEYS: Final = Identity(tenant=DEFAULT_TENANT, role=Role.ADMIN)
"""The identity of every request to a server without keys."""
