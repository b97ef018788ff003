"""Reads pages of job lists."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Final

from service.api.durable_jobs.cursors import decode_cursor, encode_cursor
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
                cursor = encode_cursor(last.created_at, last.id)
                break
            items.append(item)
            room -= len(item)
            last = summary
    return Page(b"[%b]" % b",".join(items), cursor)


def job_cursor(text: str) -> Cursor:
    """Returns the cursor that a caller handed back. Raises `InvalidRequestError`."""
    return Cursor(*decode_cursor(text, is_job_id))
