"""The secret that signs a tenant's webhooks, and the deliveries of its jobs' events."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias

from pydantic import Field

from darkroom.results.base import Answer

DeliveryState: TypeAlias = Literal["pending", "delivered", "failed", "disabled"]


class WebhookSecret(Answer):
    """The secret that signs the webhooks of the caller's tenant."""

    key: str = Field(repr=False)
    """`whsec_` and base64, as `darkroom.webhooks.verify` takes it."""


class WebhookDelivery(Answer):
    """An event that a webhook is told of."""

    id: str
    """The header webhook-id of every try."""
    job_id: str
    event: str
    url: str
    state: str
    """pending, delivered, failed (after the last try) or disabled (the receiver wants nothing more of the job)."""
    tries: int
    status: int | None = None
    """HTTP status of the last answer."""
    error: str | None = None
    """Why the last try failed."""
    created_at: datetime
    tried_at: datetime | None = None
    next_try_at: datetime | None = None
    """None where it is not tried again."""


class DeliveryPage(Answer):
    """A page of deliveries, newest first."""

    data: list[WebhookDelivery]
    next_cursor: str | None = None
