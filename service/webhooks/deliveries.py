"""The table of deliveries: which are due, who tries them, and how the tries ended. Sends nothing.

A trigger on the jobs table inserts deliveries. A try is begun by raising the count of tries and by moving the due time
to where the try counts as lost, so that another server repeats it if this one dies. The count and the time of the try's
begin tell tries apart: only the latest records its outcome. All times are Unix seconds, passed in by the caller.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    func,
    not_,
    or_,
    select,
    tuple_,
    update,
)

from service.jobs.store.database import Database
from service.jobs.store.tables import PENDING, webhook_deliveries, webhooks
from service.webhooks.retries import MAX_DELAY_S, next_delay_s
from service.webhooks.sending.sender import Answer
from service.webhooks.types import Webhook

LEASE_S: Final = 60.0
"""Seconds after which a try without an outcome counts as lost. It must be longer than a request may take."""
_GONE: Final = 410

TenantHost: TypeAlias = tuple[str, str]
"""A tenant and a host: a tenant's deliveries to it are apart from those of others."""


class DeliveryState(enum.StrEnum):
    PENDING = "pending"
    """It is yet to be tried, or tried again."""
    DELIVERED = "delivered"
    FAILED = "failed"
    """The last try has failed."""
    DISABLED = "disabled"
    """The receiver has answered 410: it wants nothing more of this job."""


@dataclass(frozen=True, slots=True)
class DueDelivery:
    """A delivery whose time has come."""

    id: str
    job_id: str
    tenant: str
    host: str
    event: str
    tries: int
    """The number of tries so far, including one that is under way."""
    tried_at: float | None
    """When the last try was begun, which is this one once it is."""
    webhook: Webhook


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery as people see it."""

    id: str
    job_id: str
    tenant: str
    url: str
    event: str
    state: DeliveryState
    tries: int
    status: int | None
    """HTTP status of the last answer."""
    error: str | None
    """Why the last try has failed."""
    created_at: float
    tried_at: float | None
    try_at: float | None
    """When it is tried next; None where it is not."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last delivery of a page; the next page starts after it."""

    created_at: float
    id: str


_of_webhook: Final = webhook_deliveries.join(webhooks, webhooks.c.job_id == webhook_deliveries.c.job_id)
_FREE: Final = (
    PENDING,
    tuple_(webhook_deliveries.c.tenant, webhook_deliveries.c.host).not_in(bindparam("busy_hosts", expanding=True)),
    webhook_deliveries.c.tenant.not_in(bindparam("busy_tenants", expanding=True)),
)
_IS_DUE: Final = or_(
    webhook_deliveries.c.try_at <= bindparam("now"),
    # No try is that far away: the clock was wrong when it was planned.
    webhook_deliveries.c.try_at > bindparam("latest"),
)
_DUE: Final = (
    select(webhook_deliveries, webhooks.c.url, webhooks.c.events, webhooks.c.format, webhooks.c.base_url)
    .select_from(_of_webhook)
    .where(*_FREE, _IS_DUE)
    .order_by(webhook_deliveries.c.try_at, webhook_deliveries.c.id)
    .limit(bindparam("at_most"))
)
_NEXT: Final = select(func.min(webhook_deliveries.c.try_at)).where(*_FREE)
_TRY: Final = (
    webhook_deliveries.c.id == bindparam("delivery"),
    webhook_deliveries.c.tries == bindparam("held"),
    webhook_deliveries.c.tried_at.is_not_distinct_from(bindparam("begun_at")),
    PENDING,
)
_BEGIN: Final = (
    update(webhook_deliveries)
    .where(*_TRY)
    .values(tries=webhook_deliveries.c.tries + 1, tried_at=bindparam("now"), try_at=bindparam("lost_at"))
)
_RECORD: Final = (
    update(webhook_deliveries)
    .where(*_TRY)
    .values(
        state=bindparam("new_state"),
        try_at=bindparam("next_at"),
        status=bindparam("answered"),
        error=bindparam("because"),
    )
)
_DISABLE: Final = update(webhooks).where(webhooks.c.job_id == bindparam("job")).values(disabled_at=bindparam("now"))
_DISABLE_OTHERS: Final = (
    update(webhook_deliveries)
    .where(webhook_deliveries.c.job_id == bindparam("job"), PENDING)
    .values(state=DeliveryState.DISABLED)
)
_LIST: Final = select(webhook_deliveries, webhooks.c.url).select_from(_of_webhook)
_UNDER_WAY: Final = and_(
    PENDING,
    webhook_deliveries.c.try_at > bindparam("now"),
    # While a try has no outcome, the end of its lease is the due time.
    webhook_deliveries.c.try_at.is_not_distinct_from(webhook_deliveries.c.tried_at + LEASE_S),
)
_RETRY: Final = (
    update(webhook_deliveries)
    .where(webhook_deliveries.c.id == bindparam("delivery"), not_(_UNDER_WAY))
    .values(state=DeliveryState.PENDING, tries=0, try_at=bindparam("now"))
)
_ENABLE: Final = (
    update(webhooks)
    .where(webhooks.c.job_id == bindparam("job"), webhooks.c.disabled_at.is_not(None))
    .values(disabled_at=None)
)


class Deliveries:
    """Every method may raise `StoreUnavailableError`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def due(
        self, *, now: float, busy_hosts: Collection[TenantHost], busy_tenants: Collection[str], limit: int
    ) -> list[DueDelivery]:
        """Returns deliveries whose time has come, the longest due first, without those of the hosts and tenants."""
        values = {
            "now": now,
            "latest": now + max(MAX_DELAY_S, LEASE_S),
            "busy_hosts": list(busy_hosts),
            "busy_tenants": list(busy_tenants),
            "at_most": limit,
        }
        return await self._database.read(
            lambda connection: [_due_delivery(row) for row in connection.execute(_DUE, values)]
        )

    async def next_try_at(self, *, busy_hosts: Collection[TenantHost], busy_tenants: Collection[str]) -> float | None:
        """Returns when the next delivery is due, without those of the hosts and tenants; None where there is none."""
        values = {"busy_hosts": list(busy_hosts), "busy_tenants": list(busy_tenants)}
        return await self._database.read(lambda connection: connection.execute(_NEXT, values).scalar())

    async def begin(self, chosen: Sequence[DueDelivery], *, now: float) -> list[DueDelivery]:
        """Begins a try of each. Returns those that no other server has begun meanwhile."""

        def work(connection: Connection) -> list[DueDelivery]:
            begun = []
            for each in chosen:
                values = {**_held(each), "now": now, "lost_at": now + LEASE_S}
                if connection.execute(_BEGIN, values).rowcount:
                    begun.append(replace(each, tries=each.tries + 1, tried_at=now))
            return begun

        # Without a sync: where a power failure undoes it, the receiver gets the same id once more.
        return await self._database.write(work, synced=False)

    async def record(self, delivery: DueDelivery, answer: Answer, *, now: float) -> DeliveryState:
        """Records how the try has ended. Returns the state of the delivery, also where another try has begun since."""
        state, next_at = _state_after(delivery.tries, answer, now)
        values = {
            **_held(delivery),
            "new_state": state,
            "next_at": next_at,
            "answered": answer.status,
            "because": None if state is DeliveryState.DELIVERED else answer.error or f"It answered {answer.status}.",
        }

        def work(connection: Connection) -> None:
            connection.execute(_RECORD, values)
            if state is DeliveryState.DISABLED:
                connection.execute(_DISABLE, {"job": delivery.job_id, "now": now})
                connection.execute(_DISABLE_OTHERS, {"job": delivery.job_id})

        await self._database.write(work, synced=False)
        return state

    async def page(
        self, tenant: str | None, *, limit: int, after: Cursor | None = None, state: DeliveryState | None = None
    ) -> list[Delivery]:
        """Returns up to `limit` of the tenant's deliveries, newest first; None stands for all tenants."""
        query = _page_query(tenant, after, state).limit(limit)
        return await self._database.scan(lambda connection: [_delivery(row) for row in connection.execute(query)])

    async def retry(self, delivery_id: str, tenant: str | None, *, now: float) -> Delivery | None:
        """Has a delivery tried anew, from the beginning of the schedule, also one that was delivered.

        A receiver that wanted nothing more of the job is told of it again. A try that is under way goes on, and nothing
        changes. Returns the delivery, or None where the tenant has no such one; None as `tenant` stands for any.
        """
        one = _page_query(tenant).where(webhook_deliveries.c.id == delivery_id)

        def work(connection: Connection) -> Delivery | None:
            if (found := connection.execute(one).one_or_none()) is None:
                return None
            connection.execute(_RETRY, {"delivery": delivery_id, "now": now})
            connection.execute(_ENABLE, {"job": found.job_id})
            return _delivery(connection.execute(one).one())

        return await self._database.write(work)


def _state_after(tries: int, answer: Answer, now: float) -> tuple[DeliveryState, float]:
    """Returns the state after so many tries and the time of the next one."""
    if answer.status is not None and 200 <= answer.status < 300:
        return DeliveryState.DELIVERED, now
    if answer.status == _GONE:
        return DeliveryState.DISABLED, now
    delay_s = next_delay_s(tries)
    return (DeliveryState.FAILED, now) if delay_s is None else (DeliveryState.PENDING, now + delay_s)


def _held(delivery: DueDelivery) -> dict[str, Any]:
    """Returns the parameters that identify the delivery's last try in a statement."""
    return {"delivery": delivery.id, "held": delivery.tries, "begun_at": delivery.tried_at}


def _page_query(tenant: str | None, after: Cursor | None = None, state: DeliveryState | None = None) -> Select[Any]:
    columns = webhook_deliveries.c
    conditions: list[ColumnElement[bool]] = []
    if tenant is not None:
        conditions.append(columns.tenant == tenant)
    if after is not None:
        conditions.append(tuple_(columns.created_at, columns.id) < tuple_(after.created_at, after.id))
    if state is not None:
        conditions.append(columns.state == state)
    return _LIST.where(*conditions).order_by(columns.created_at.desc(), columns.id.desc())


def _due_delivery(row: Row[Any]) -> DueDelivery:
    webhook = Webhook(row.url, tuple(row.events.split()), row.format, row.base_url)
    return DueDelivery(row.id, row.job_id, row.tenant, row.host, row.event, row.tries, row.tried_at, webhook)


def _delivery(row: Row[Any]) -> Delivery:
    state = DeliveryState(row.state)
    return Delivery(
        id=row.id,
        job_id=row.job_id,
        tenant=row.tenant,
        url=row.url,
        event=row.event,
        state=state,
        tries=row.tries,
        status=row.status,
        error=row.error,
        created_at=row.created_at,
        tried_at=row.tried_at,
        try_at=row.try_at if state is DeliveryState.PENDING else None,
    )
