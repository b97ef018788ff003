"""Makes API keys, and recognizes their secrets by digests. Knows no store and no HTTP.

A secret has 256 random bits, so its SHA-256 reveals nothing and needs no salt. Only that digest is stored.
"""

from __future__ import annotations

import base64
import enum
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import Final

from service.auth.identity import Identity, Quotas, Role

KEY_PREFIX: Final = "drk_"
"""The prefix by which people and secret scanners recognize a key of Darkroom."""
MAX_SECRET_CHARACTERS: Final = 256
"""A longer text is never looked up."""
MAX_NAME_CHARACTERS: Final = 100
NO_QUOTAS: Final = Quotas()
_SECRET_BYTES: Final = 32
_ID_BYTES: Final = 10
_TENANT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}", re.ASCII)


class Validity(enum.StrEnum):
    VALID = "valid"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key without its secret. Times are Unix seconds."""

    id: str
    sha256: str
    """Hex digest of the secret."""
    name: str
    role: Role
    tenant: str
    quotas: Quotas = NO_QUOTAS
    created_at: float
    expires_at: float | None = None
    last_used_at: float | None = None
    revoked_at: float | None = None

    @property
    def identity(self) -> Identity:
        return Identity(tenant=self.tenant, role=self.role, key_id=self.id, name=self.name, quotas=self.quotas)

    def validity(self, now: float) -> Validity:
        if self.revoked_at is not None:
            return Validity.REVOKED
        return Validity.VALID if self.expires_at is None or now < self.expires_at else Validity.EXPIRED

    def has_digest(self, sha256: str) -> bool:
        """Compares digests in a time that does not depend on where they differ."""
        return hmac.compare_digest(self.sha256.encode(), sha256.encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """The properties of a key to be made. Raises ValueError, with a sentence, for a bad name or tenant."""

    name: str
    role: Role
    tenant: str
    expires_at: float | None = None
    quotas: Quotas = NO_QUOTAS

    def __post_init__(self) -> None:
        if not self.name.isprintable() or not 1 <= len(self.name) <= MAX_NAME_CHARACTERS:
            raise ValueError(f"A key's name must have 1 to {MAX_NAME_CHARACTERS} printable characters.")
        check_tenant(self.tenant)


def check_tenant(tenant: str) -> None:
    """Raises ValueError, with a sentence, for a text that cannot name a tenant."""
    if not _TENANT.fullmatch(tenant):
        raise ValueError(
            "A tenant must have 1 to 64 letters, digits and characters of . _ @ -, the first a letter or a digit."
        )


def new_secret() -> str:
    """Returns the prefix and 43 characters of base64url: 256 random bits."""
    return KEY_PREFIX + base64.urlsafe_b64encode(secrets.token_bytes(_SECRET_BYTES)).decode().rstrip("=")


def new_key_id() -> str:
    """Returns `key_` and 16 characters of base32. It reveals nothing about the secret."""
    return "key_" + base64.b32encode(secrets.token_bytes(_ID_BYTES)).decode().lower()


def digest(secret: str) -> str:
    """Returns the hex SHA-256 of a secret. Unpaired surrogates are encoded as they are."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def make_key(new: NewKey, *, now: float) -> tuple[ApiKey, str]:
    """Returns a new key and its secret, which exists nowhere else."""
    secret = new_secret()
    key = ApiKey(
        id=new_key_id(),
        sha256=digest(secret),
        name=new.name,
        role=new.role,
        tenant=new.tenant,
        quotas=new.quotas,
        created_at=now,
        expires_at=new.expires_at,
    )
    return key, secret
