"""The keys of a server, as those who manage them see them."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from darkroom.results.base import Answer


class KeyQuotas(Answer):
    """The limits of a key. None is no limit of its own."""

    requests_per_minute: int | None = None
    max_jobs: int | None = None
    """Jobs that have not ended."""
    device_s_per_minute: float | None = None
    """Device seconds that a minute's requests may cost."""
    max_stored_bytes: int | None = None
    """Images and uploads of the key's tenant."""


class ApiKey(Answer):
    """A key without its secret."""

    id: str
    name: str
    role: str
    """user, or admin, who also manages keys."""
    tenant: str
    """The tenant whose jobs and images the key gives access to."""
    quotas: KeyQuotas
    state: str
    """valid, expired or revoked."""
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None


class NewApiKey(ApiKey):
    """A key that was just made."""

    key: str = Field(repr=False)
    """The secret, which the server does not show again."""
