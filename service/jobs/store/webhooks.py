"""Stores a job's webhook with the job. What comes of it is in `service.webhooks`.

The database itself makes a delivery of each event that the webhook asks for: a trigger on the jobs table inserts it in
the transaction that changes the job's status, whoever changes it (see migration 0007).
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from sqlalchemy import Connection, insert

from service.jobs.store.row_mapping import NewJob
from service.jobs.store.tables import webhooks

_INSERT: Final = insert(webhooks)


def attach_webhook(connection: Connection, job: NewJob) -> None:
    """Records the webhook of a new job, if it has one, in the open transaction."""
    if job.webhook is not None:
        row = {
            "job_id": job.id,
            "url": job.webhook.url,
            "host": urlsplit(job.webhook.url).hostname or "",
            "events": " ".join(job.webhook.events),
            "format": job.webhook.format,
            "base_url": job.webhook.base_url,
        }
        connection.execute(_INSERT, row)
