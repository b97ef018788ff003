"""Cursors of the job list: where the next page begins, as text that callers hand back unread."""

from __future__ import annotations

import base64
import binascii
import contextlib
import math

from service.errors import InvalidRequestError
from service.ids import is_job_id
from service.jobs.records import JobRecord
from service.jobs.store.repository import Cursor


def encode_cursor(record: JobRecord) -> str:
    return base64.urlsafe_b64encode(f"{record.created_at!r} {record.id}".encode()).decode().rstrip("=")


def decode_cursor(text: str) -> Cursor:
    """Raises `InvalidRequestError`."""
    with contextlib.suppress(ValueError, binascii.Error):
        created_at, job_id = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii").split(" ")
        if is_job_id(job_id) and math.isfinite(float(created_at)):
            return Cursor(float(created_at), job_id)
    raise InvalidRequestError("Invalid cursor.", field="cursor")
