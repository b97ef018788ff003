"""/api/v1/webhooks: the secret that signs a tenant's webhooks, and the deliveries of its jobs' events."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel

from service.api.dependencies import services_of, webhooks_of
from service.api.durable_jobs.cursors import decode_cursor, encode_cursor
from service.api.http.fields import utc_time
from service.api.http.problems import ProblemOut
from service.ids import JOB_ID_PATTERN
from service.webhooks.deliveries import Cursor, Delivery, DeliveryState
from service.webhooks.types import EVENTS

_MAX_PAGE: Final = 100
_EVENTS: Final = "|".join(event.removeprefix("job.") for event in EVENTS)

DeliveryId = Annotated[str, Path(pattern=f"^msg_{JOB_ID_PATTERN}_({_EVENTS})$")]

router = APIRouter(prefix="/api/v1/webhooks", tags=["webhooks"], responses={503: {"model": ProblemOut}})


class SecretOut(BaseModel):
    key: str
    """`whsec_` and the base64 of the secret, as libraries of Standard Webhooks take it."""


class DeliveryOut(BaseModel):
    id: str
    """The header webhook-id of every try."""
    job_id: str
    event: str
    url: str
    state: DeliveryState
    tries: int
    status: int | None
    """HTTP status of the last answer; null where there was none."""
    error: str | None
    """Why the last try failed."""
    created_at: datetime
    tried_at: datetime | None
    next_try_at: datetime | None
    """Null where it is not tried again."""


class DeliveryList(BaseModel):
    data: list[DeliveryOut]
    next_cursor: str | None
    """Null where there are no more deliveries."""


@router.get("/secret")
async def get_webhook_secret(request: Request) -> SecretOut:
    """The secret with which webhooks of the caller's tenant are signed."""
    return SecretOut(key=await webhooks_of(request).secret(services_of(request).tenant(request)))


@router.post("/secret/rotate")
async def rotate_webhook_secret(request: Request) -> SecretOut:
    """Make a new secret. For 24 hours webhooks are signed with the former one, too."""
    return SecretOut(key=await webhooks_of(request).rotate_secret(services_of(request).tenant(request)))


@router.get("/deliveries", responses={400: {"model": ProblemOut}})
async def list_webhook_deliveries(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=_MAX_PAGE)] = 20,
    cursor: Annotated[str | None, Query(max_length=200, description="`next_cursor` of the page before")] = None,
    state: DeliveryState | None = None,
) -> DeliveryList:
    """The deliveries of the caller's jobs, newest first. They are kept as long as their jobs."""
    after = None if cursor is None else Cursor(*decode_cursor(cursor, str.isprintable))
    tenant = services_of(request).tenant(request)
    found = await webhooks_of(request).deliveries.page(tenant, limit=limit + 1, after=after, state=state)
    shown = found[:limit]
    return DeliveryList(
        data=[_delivery_out(each) for each in shown],
        next_cursor=encode_cursor(shown[-1].created_at, shown[-1].id) if len(found) > limit else None,
    )


@router.post("/deliveries/{delivery_id}/retry", responses={404: {"model": ProblemOut}})
async def retry_webhook_delivery(request: Request, delivery_id: DeliveryId) -> DeliveryOut:
    """Try a delivery anew under its id, whatever has become of it. The schedule of tries begins again.

    While a try is under way nothing changes. After a receiver has answered 410, this has it told of the job again.
    """
    delivery = await webhooks_of(request).retry(delivery_id, services_of(request).tenant(request))
    return _delivery_out(delivery)


def _delivery_out(delivery: Delivery) -> DeliveryOut:
    return DeliveryOut(
        id=delivery.id,
        job_id=delivery.job_id,
        event=delivery.event,
        url=delivery.url,
        state=delivery.state,
        tries=delivery.tries,
        status=delivery.status,
        error=delivery.error,
        created_at=utc_time(delivery.created_at),
        tried_at=utc_time(delivery.tried_at),
        next_try_at=utc_time(delivery.try_at),
    )
