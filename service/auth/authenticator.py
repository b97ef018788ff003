"""Finds the identity of a request from its secrets and sessions. Knows no HTTP."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from service.auth.identity import NO_KEYS, Identity, Quotas
from service.auth.key_ring import KeyRing
from service.auth.keys import NO_QUOTAS, ApiKey, Validity
from service.auth.sessions import SessionSigner
from service.errors import StoreUnavailableError, UnauthenticatedError

_UNKNOWN_RETRY_S: Final = 1.0


class RefusalReason(enum.StrEnum):
    """Reasons why a request is not let in. Metrics count by them."""

    MISSING = "missing"
    UNKNOWN = "unknown"
    EXPIRED = "expired"
    REVOKED = "revoked"
    SESSION = "session"
    """The session has ended, or another server made it."""
    FOREIGN_ORIGIN = "foreign_origin"
    """Another site's page sent the session along."""
    NOT_READY = "not_ready"
    """The keys could not be read yet."""


_SENTENCES: Final = {
    RefusalReason.MISSING: "An API key is needed: send it as Authorization: Bearer KEY.",
    RefusalReason.UNKNOWN: "The API key is not known here.",
    RefusalReason.EXPIRED: "The API key has expired.",
    RefusalReason.REVOKED: "The API key has been revoked.",
    RefusalReason.SESSION: "The session is over. Log in again with an API key.",
}


@dataclass(frozen=True, slots=True)
class Admission:
    """A request that is let in."""

    identity: Identity
    expires_at: float | None = None
    """When its key or its session ends, in Unix seconds; None where it never ends."""
    is_session: bool = False
    """Whether the page's session lets it in."""


class Refusal(Exception):
    """A request that is not let in."""

    def __init__(self, reason: RefusalReason) -> None:
        super().__init__(reason)
        self.reason = reason

    def error(self) -> UnauthenticatedError:
        return UnauthenticatedError(_SENTENCES[self.reason])


class Authenticator:
    """Admits or refuses requests. All methods belong to one event loop."""

    def __init__(
        self,
        ring: KeyRing | None,
        sessions: SessionSigner,
        *,
        require_keys: bool | None,
        clock: Callable[[], float],
        default_quotas: Quotas = NO_QUOTAS,
    ) -> None:
        """`require_keys` is None to require keys as soon as there is one. Without `ring` they are never required.

        `default_quotas` are the limits of keys that have none of their own.
        """
        self.ring: Final = ring
        self._sessions = sessions
        self._require_keys = False if ring is None else require_keys
        self._clock = clock
        self._default_quotas = default_quotas

    @property
    def keys_required(self) -> bool:
        """Whether requests need a key. They do while it is unknown whether there are keys."""
        if self._require_keys is not None or self.ring is None:
            return bool(self._require_keys)
        return self.ring.has_keys or not self.ring.is_known

    @property
    def session_name(self) -> str:
        """The name under which a browser keeps sessions of this server."""
        return self._sessions.name

    @property
    def session_lifetime_s(self) -> float:
        return self._sessions.lifetime_s

    @property
    def lacks_keys(self) -> bool:
        """Whether it is known that there never was a key."""
        return self.ring is None or (self.ring.is_known and not self.ring.has_keys)

    def require_keys(self) -> None:
        """Requires a key of every request from now on, unless the settings decide otherwise."""
        if self._require_keys is None:
            self._require_keys = True

    def anonymous(self) -> Admission:
        """Admits a request without credentials. Raises `Refusal`, and `StoreUnavailableError` before keys are known."""
        if not self.keys_required:
            return Admission(NO_KEYS)
        self._check_known()
        raise Refusal(RefusalReason.MISSING)

    def by_secret(self, secret: str) -> Admission:
        """Admits the holder of a key. Raises what `anonymous` raises."""
        if not self.keys_required or self.ring is None:
            return Admission(NO_KEYS)
        key = self.ring.find(secret)
        if key is None:
            self._check_known()
            raise Refusal(RefusalReason.UNKNOWN)
        self._check_valid(key)
        return Admission(self._identity(key), key.expires_at)

    def by_session(self, text: str) -> Admission:
        """Admits the holder of a session. Raises what `anonymous` raises."""
        if not self.keys_required or self.ring is None:
            return Admission(NO_KEYS)
        session = self._sessions.read(text, now=self._clock())
        key = None if session is None else self.ring.find_id(session.key_id)
        if session is None or key is None:
            self._check_known()
            raise Refusal(RefusalReason.SESSION)
        self._check_valid(key)
        return Admission(self._identity(key), session.expires_at, is_session=True)

    def open_session(self, secret: str) -> tuple[str, Admission]:
        """Returns the text of a new session, and its admission. Raises what `anonymous` raises.

        Call it only while keys are required.
        """
        assert self.ring is not None, "without keys no session is needed"
        admission = self.by_secret(secret)
        key = self.ring.find(secret)
        assert key is not None, "the key was found just now"
        text, session = self._sessions.open(key, now=self._clock())
        return text, Admission(admission.identity, session.expires_at, is_session=True)

    def is_admitted(self, admission: Admission) -> bool:
        """Whether an admission still holds: its key was not revoked, and neither key nor session has expired."""
        key_id = admission.identity.key_id
        if key_id is None or not self.keys_required:
            return key_id is None and not self.keys_required
        key = None if self.ring is None else self.ring.find_id(key_id)
        now = self._clock()
        is_over = admission.expires_at is not None and admission.expires_at <= now
        return not is_over and key is not None and key.validity(now) is Validity.VALID

    def _identity(self, key: ApiKey) -> Identity:
        return replace(key.identity, quotas=key.quotas.completed(self._default_quotas))

    def _check_valid(self, key: ApiKey) -> None:
        """Records the use of a valid key. Raises `Refusal` for any other."""
        assert self.ring is not None, "the key comes from the ring"
        validity = key.validity(self._clock())
        if validity is not Validity.VALID:
            raise Refusal(RefusalReason(validity.value))
        self.ring.used(key)

    def _check_known(self) -> None:
        if self.ring is not None and not self.ring.is_known:
            raise StoreUnavailableError("The API keys cannot be read yet.", retry_after_s=_UNKNOWN_RETRY_S)
