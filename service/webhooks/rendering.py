"""Renders the bodies of webhooks from jobs. Each dialect that offers webhooks renders them in its own format."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from service.jobs.records import JobRecord, Status
from service.webhooks.types import JOB_STARTED, Webhook

MAX_BODY_BYTES: Final = 20_000
"""Receivers may refuse more. A body holds links to images, and never their bytes."""

Renderer: TypeAlias = Callable[[JobRecord, Webhook, str], bytes]
"""Makes the body about an event of a job, in JSON, of at most `MAX_BODY_BYTES`. It is called anew for each try."""
Renderers: TypeAlias = Mapping[str, Renderer]
"""By the webhook's `format`."""


def as_of(record: JobRecord, event: str) -> JobRecord:
    """Returns the job as it was when the event happened, so that a late try tells the same as the first."""
    if event != JOB_STARTED:
        return record  # An ended job does not change.
    return dataclasses.replace(
        record,
        status=Status.RUNNING,
        progress=None,
        preview=None,
        failure=None,
        completed_at=None,
        expires_at=None,
        images=(),
    )


def happened_at(record: JobRecord, event: str) -> float:
    """Returns the time of an event of the job, in Unix seconds."""
    return (record.started_at if event == JOB_STARTED else record.completed_at) or record.created_at
