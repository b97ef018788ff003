"""The bodies of the native dialect's webhooks: an event as Standard Webhooks describes it, about a job in short."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal

from pydantic import BaseModel

from service.api.dialects.jobs.schemas import FailureOut
from service.api.dialects.jobs.serialize import ROOT, failure_out
from service.api.http.fields import utc_time
from service.api.signed_urls import LinkSigner
from service.jobs.records import JobRecord, Status, StoredImage
from service.webhooks.rendering import MAX_BODY_BYTES, Renderer, happened_at
from service.webhooks.types import Webhook

_LINK_S: Final = 48 * 3600.0
"""Seconds after the job's end for which the links work: longer than a delivery is tried."""


class WebhookImage(BaseModel):
    index: int
    url: str
    """A link that works without a key, for two days and as long as the job is kept."""
    mime: str
    width: int
    height: int
    size_bytes: int
    sha256: str
    seed: int


class WebhookJob(BaseModel):
    id: str
    status: Status
    image_count: int
    """Number of finished images."""
    images: list[WebhookImage]
    """The first of them, as many as find room in the body."""
    error: FailureOut | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    expires_at: datetime | None
    url: str
    """The whole job, for callers with a key."""


class WebhookEvent(BaseModel):
    type: Literal["job.started", "job.succeeded", "job.failed", "job.canceled"]
    timestamp: datetime
    """When it happened."""
    data: WebhookJob


def renderer(links: LinkSigner) -> Renderer:
    """Returns the renderer of webhooks with the format `jobs`."""

    def render(job: JobRecord, webhook: Webhook, event: str) -> bytes:
        bare = _event(job, webhook, event).model_dump_json().encode()
        shown = _fitting([_image(job, image, webhook, links) for image in job.images], MAX_BODY_BYTES - len(bare))
        return _event(job, webhook, event, shown).model_dump_json().encode()

    return render


def _event(job: JobRecord, webhook: Webhook, event: str, images: Sequence[WebhookImage] = ()) -> WebhookEvent:
    return WebhookEvent.model_validate(
        {
            "type": event,
            "timestamp": utc_time(happened_at(job, event)),
            "data": WebhookJob(
                id=job.id,
                status=job.status,
                image_count=len(job.images),
                images=list(images),
                error=None if job.failure is None else failure_out(job),
                created_at=utc_time(job.created_at),
                started_at=utc_time(job.started_at),
                completed_at=utc_time(job.completed_at),
                expires_at=utc_time(job.expires_at),
                url=f"{webhook.base_url}{ROOT}/{job.id}",
            ),
        }
    )


def _fitting(images: Sequence[WebhookImage], room_bytes: int) -> list[WebhookImage]:
    """Returns the first images, as many as find room."""
    fitting = []
    for image in images:
        room_bytes -= len(image.model_dump_json()) + 1
        if room_bytes < 0:
            break
        fitting.append(image)
    return fitting


def _image(job: JobRecord, image: StoredImage, webhook: Webhook, links: LinkSigner) -> WebhookImage:
    path = links.path(job.id, image.index, link_expires_at(job), media_type=image.media_type)
    return WebhookImage(
        index=image.index,
        url=f"{webhook.base_url}{path}",
        mime=image.media_type,
        width=image.width,
        height=image.height,
        size_bytes=image.size_bytes,
        sha256=image.sha256,
        seed=job.spec.images[image.index].params.seed,
    )


def link_expires_at(job: JobRecord) -> int:
    """Returns when the links end, which is the same at each try, in Unix seconds."""
    ended_at = job.completed_at or job.created_at
    return int(min(ended_at + _LINK_S, job.expires_at or ended_at + _LINK_S))
