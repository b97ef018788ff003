"""Jobs as the frontend's queue sees them, for tests in which nobody cancels or reads."""

from __future__ import annotations

from service.engine.frontend.local_job import LocalJob, UnreadImages

_UNBOUNDED_BYTES = 1 << 40


def make_handle(job_id: str, unread: UnreadImages | None = None) -> LocalJob:
    return LocalJob(
        job_id,
        max_buffered=1,
        unread=unread or UnreadImages(_UNBOUNDED_BYTES),
        on_cancel=lambda _: None,
        on_read=lambda: None,
    )
