"""Reads webhooks that a Darkroom server has sent, as Standard Webhooks (https://www.standardwebhooks.com) says.

from darkroom import webhooks

event = webhooks.verify(request.body, request.headers, "whsec_...")
print(event["type"], event["data"]["id"])
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any, Final

TOLERANCE_S: Final = 300.0
"""Seconds by which a request may be older than this machine's clock says, or ahead of it."""
_PREFIX: Final = "whsec_"


class SignatureError(ValueError):
    """The request was not sent by the holder of the secret, or not lately. Answer it with 400."""


def verify(body: bytes, headers: Mapping[str, str], secret: str, *, now: float | None = None) -> dict[str, Any]:
    """Return the event in a request's body, as its bytes arrived. `now` is the time in Unix seconds, if not this one's.

    The same event may arrive several times: `webhook-id` tells. Raises `SignatureError`, and `ValueError` where the
    secret is none.
    """
    found = {name.lower(): value for name, value in headers.items()}
    sent_id, sent_at, signatures = (found.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
    try:
        age_s = (time.time() if now is None else now) - int(sent_at)
    except ValueError:
        raise SignatureError("The request has no time.") from None
    if abs(age_s) > TOLERANCE_S:
        raise SignatureError("The request is too old, or a clock is wrong.")
    signed = b".".join((sent_id.encode(), sent_at.encode(), body))
    expected = b"v1," + base64.b64encode(hmac.new(_key(secret), signed, hashlib.sha256).digest())
    if not any(hmac.compare_digest(expected, each.encode()) for each in signatures.split(" ")):
        raise SignatureError("The request was not signed with this secret.")
    event: dict[str, Any] = json.loads(body)
    return event


def _key(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("The secret must be whsec_ and base64, as the server shows it.") from None
