"""The cursors of lists that are read page by page, newest first. Callers hand a cursor back unread."""

from __future__ import annotations

import base64
import binascii
import contextlib
import math
from collections.abc import Callable

from service.errors import InvalidRequestError


def encode_cursor(created_at: float, last_id: str) -> str:
    """Returns the cursor of the page behind the item of this id, which was created at this Unix time."""
    return base64.urlsafe_b64encode(f"{created_at!r} {last_id}".encode()).decode().rstrip("=")


def decode_cursor(text: str, is_id: Callable[[str], bool]) -> tuple[float, str]:
    """Returns what `encode_cursor` was given. Raises `InvalidRequestError`, also for an id that `is_id` denies."""
    with contextlib.suppress(ValueError, binascii.Error):
        created_at, last_id = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii").split(" ")
        if is_id(last_id) and math.isfinite(float(created_at)):
            return float(created_at), last_id
    raise InvalidRequestError("The query parameter cursor is not valid.", parameter="cursor")
