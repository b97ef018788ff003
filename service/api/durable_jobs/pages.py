"""Reads pages of job lists. A cursor tells where the next page begins; callers hand it back unread."""

from __future__ import annotations

import base64
import binascii
import contextlib
import math
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Final

from service.errors import InvalidRequestError
from service.ids import is_job_id
from service.jobs.records import JobSummary
from service.jobs.store.pages import Cursor

MAX_PAGE_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Page:
    items: bytes
    """The jobs as a JSON array."""
    cursor: str | None
    """None where there are no more jobs."""


async def read_page(
    summaries: AsyncGenerator[JobSummary, None], limit: int, render: Callable[[JobSummary], bytes]
) -> Page:
    """Returns the first `limit` jobs as `render` writes them, or those of them that fit into `MAX_PAGE_BYTES`.

    A job that does not fit alone is a page alone. `summaries` are read as far as they are needed to know whether there
    are more, and closed.
    """
    items: list[bytes] = []
    room, last, cursor = MAX_PAGE_BYTES, None, None
    async with contextlib.aclosing(summaries):
        async for summary in summaries:
            item = render(summary) if len(items) < limit else b""
            if last is not None and (not item or len(item) > room):
                cursor = encode_cursor(last)
                break
            items.append(item)
            room -= len(item)
            last = summary
    return Page(b"[%b]" % b",".join(items), cursor)


def encode_cursor(last: JobSummary) -> str:
    return base64.urlsafe_b64encode(f"{last.created_at!r} {last.id}".encode()).decode().rstrip("=")


def decode_cursor(text: str) -> Cursor:
    """Raises `InvalidRequestError`."""
    with contextlib.suppress(ValueError, binascii.Error):
        created_at, job_id = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii").split(" ")
        if is_job_id(job_id) and math.isfinite(float(created_at)):
            return Cursor(float(created_at), job_id)
    raise InvalidRequestError("The query parameter cursor is not valid.", parameter="cursor")
