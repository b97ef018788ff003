"""The webhook of a job, as a plain value. Imports nothing of ours: the job store below keeps it with the job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

JOB_STARTED: Final = "job.started"
"""A server has begun to work on the job. It is told once, however often the job is begun anew."""
JOB_SUCCEEDED: Final = "job.succeeded"
JOB_FAILED: Final = "job.failed"
JOB_CANCELED: Final = "job.canceled"
END_EVENTS: Final = (JOB_SUCCEEDED, JOB_FAILED, JOB_CANCELED)
EVENTS: Final = (JOB_STARTED, *END_EVENTS)


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address that is told of a job's events."""

    url: str
    """It has passed `service.webhooks.urls.parse_target`."""
    events: tuple[str, ...]
    """The names of the events to deliver, a selection of `EVENTS`."""
    format: str
    """The name of the dialect whose renderer makes the bodies."""
    base_url: str
    """The server's address as the caller knew it, without a slash at its end. Links in the bodies begin with it."""

    def __post_init__(self) -> None:
        """Raises ValueError where an event is unknown or none is named: nothing would ever be told of it."""
        if not self.events or not set(self.events) <= set(EVENTS):
            raise ValueError(f"events must be some of {', '.join(EVENTS)}")
