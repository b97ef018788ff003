"""Signatures of Standard Webhooks (https://www.standardwebhooks.com): an HMAC-SHA-256 over id, time and body."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

PREFIX: Final = "whsec_"


def spelled(secret: bytes) -> str:
    """Returns a secret as receivers are given it."""
    return PREFIX + base64.b64encode(secret).decode()


def signed_headers(delivery_id: str, timestamp_s: int, body: bytes, secrets: Sequence[bytes]) -> dict[str, str]:
    """Returns the headers that tell a receiver who sent the body and when. Each secret makes a signature."""
    signed = b".".join((delivery_id.encode(), str(timestamp_s).encode(), body))
    signatures = (hmac.new(secret, signed, hashlib.sha256).digest() for secret in secrets)
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": " ".join(f"v1,{base64.b64encode(each).decode()}" for each in signatures),
    }
