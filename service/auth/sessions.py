"""Makes and reads the page's sessions: signed texts that stand for a key until they expire. Nothing is stored.

A session also ends with its key: its reader asks the key ring whether the key is still valid.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import math
from dataclasses import dataclass
from typing import Final

import msgspec

from service.auth.keys import ApiKey

_MAX_CHARACTERS: Final = 512
_PURPOSE: Final = b"darkroom session 1"
"""Distinguishes these signatures from those of links, which use the same key."""
_NAME_PURPOSE: Final = b"darkroom session name 1"
_NAME_DIGITS: Final = 12


class _Content(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    key_id: str
    expires_at: float


_DECODER: Final = msgspec.json.Decoder(_Content)


@dataclass(frozen=True, slots=True)
class Session:
    key_id: str
    expires_at: float
    """Unix seconds."""


class SessionSigner:
    def __init__(self, server_key: bytes, *, lifetime_s: float) -> None:
        """`server_key` is a secret that all servers of one data folder share.

        A session lasts for `lifetime_s`; a new one needs the API key again.
        """
        self._key = hmac.new(server_key, _PURPOSE, hashlib.sha256).digest()
        self.lifetime_s: Final = lifetime_s
        digest = hmac.new(server_key, _NAME_PURPOSE, hashlib.sha256).hexdigest()
        self.name: Final = f"darkroom_session_{digest[:_NAME_DIGITS]}"
        """The name under which a browser keeps these sessions. Servers with other keys have other names: browsers keep
        one cookie of a name for a host, whatever the port."""

    def open(self, key: ApiKey, *, now: float) -> tuple[str, Session]:
        """Returns a new session of the key, and the text that stands for it."""
        expires_at = min(math.inf if key.expires_at is None else key.expires_at, now + self.lifetime_s)
        content = msgspec.json.encode(_Content(key.id, expires_at))
        return f"{_encoded(content)}.{_encoded(self._signature(content))}", Session(key.id, expires_at)

    def read(self, text: str, *, now: float) -> Session | None:
        """Returns the session of a text; None where it has expired, or where it was not signed with this key."""
        if len(text) > _MAX_CHARACTERS:
            return None
        content_text, _, signature_text = text.partition(".")
        content, signature = _decoded(content_text), _decoded(signature_text)
        if not hmac.compare_digest(signature, self._signature(content)):
            return None
        signed = _DECODER.decode(content)
        return Session(signed.key_id, signed.expires_at) if now < signed.expires_at else None

    def _signature(self, content: bytes) -> bytes:
        return hmac.new(self._key, content, hashlib.sha256).digest()


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    """Decodes base64url. Returns no bytes for any other text."""
    try:
        return base64.b64decode(text.encode("ascii", "replace") + b"=" * (-len(text) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""
