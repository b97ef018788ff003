"""Deliveries are begun by one server at a time, tried by the schedule, and listed for their tenant."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import pytest

from service.jobs.store.claims import JobClaims
from service.jobs.store.database import Database
from service.jobs.store.repository import JobRepository
from service.webhooks.deliveries import (
    LEASE_S,
    Cursor,
    Deliveries,
    Delivery,
    DeliveryState,
    DueDelivery,
    TenantHost,
)
from service.webhooks.retries import DELAYS_S, MAX_DELAY_S, MAX_TRIES
from service.webhooks.sending.sender import Answer
from service.webhooks.types import END_EVENTS, JOB_STARTED, JOB_SUCCEEDED
from tests.harness.sample_jobs import claim_one, make_image, make_job, make_webhook
from tests.service.jobs.conftest import Connect

Finish = Callable[..., Awaitable[str]]
"""Makes and ends a job with a webhook. Returns its id."""

OK = Answer(200)
DOWN = Answer(None, "The receiver could not be connected to.")


@pytest.fixture
def deliveries(database: Database) -> Deliveries:
    return Deliveries(database)


@pytest.fixture
def finish(repository: JobRepository, claims: JobClaims) -> Finish:
    async def finish(
        now: float = 0.0,
        *,
        host: str = "hooks.test",
        tenant: str = "alice",
        events: tuple[str, ...] = END_EVENTS,
    ) -> str:
        job = make_job(tenant=tenant, webhook=make_webhook(f"https://{host}/in", events=events))
        await repository.create(job, now=now)
        await claims.add_image(await claim_one(claims, now=now), make_image(), last_at=now)
        return job.id

    return finish


async def due(
    deliveries: Deliveries, now: float, *, busy_hosts: Sequence[TenantHost] = (), busy_tenants: Sequence[str] = ()
) -> list[DueDelivery]:
    return await deliveries.due(now=now, busy_hosts=busy_hosts, busy_tenants=busy_tenants, limit=10)


async def begin(deliveries: Deliveries, now: float) -> DueDelivery:
    (begun,) = await deliveries.begin(await due(deliveries, now), now=now)
    return begun


async def next_try_at(deliveries: Deliveries) -> float | None:
    return await deliveries.next_try_at(busy_hosts=(), busy_tenants=())


async def only(deliveries: Deliveries) -> Delivery:
    (delivery,) = await deliveries.page("alice", limit=2)
    return delivery


async def test_a_delivery_is_due_at_once_and_carries_its_webhook(deliveries: Deliveries, finish: Finish) -> None:
    job_id = await finish(now=5.0)

    assert await due(deliveries, 4.9) == []
    (found,) = await due(deliveries, 5.0)
    assert (found.job_id, found.tenant, found.host, found.tries) == (job_id, "alice", "hooks.test", 0)
    assert found.webhook == make_webhook(events=END_EVENTS)


async def test_servers_that_find_the_same_delivery_begin_it_once(
    deliveries: Deliveries, finish: Finish, connect: Connect
) -> None:
    await finish()
    other = Deliveries(connect())
    mine, theirs = await due(deliveries, 1.0), await due(other, 1.0)

    begun = [*await deliveries.begin(mine, now=1.0), *await other.begin(theirs, now=1.0)]

    assert [each.tries for each in begun] == [1]
    assert await due(other, 1.0) == []


async def test_a_try_without_an_outcome_is_repeated_under_the_same_id_and_comes_too_late_itself(
    deliveries: Deliveries, finish: Finish
) -> None:
    await finish()
    lost = await begin(deliveries, 1.0)
    assert await due(deliveries, 0.9 + LEASE_S) == []

    again = await begin(deliveries, 1.0 + LEASE_S)
    await deliveries.record(lost, DOWN, now=2.0 + LEASE_S)

    assert (again.id, again.tries) == (lost.id, 2)
    assert (await only(deliveries)).error is None
    await deliveries.record(again, OK, now=3.0 + LEASE_S)
    assert (await only(deliveries)).state is DeliveryState.DELIVERED
    assert await next_try_at(deliveries) is None


async def test_a_failed_delivery_is_tried_by_the_schedule_and_given_up_in_the_end(
    deliveries: Deliveries, finish: Finish
) -> None:
    await finish()
    now = 0.0
    for tries, delay_s in enumerate(DELAYS_S, 1):
        assert await due(deliveries, now - 0.1) == []
        assert await deliveries.record(await begin(deliveries, now), Answer(500), now=now) is DeliveryState.PENDING
        listed = await only(deliveries)
        assert (listed.tries, listed.status, listed.error, listed.tried_at) == (tries, 500, "It answered 500.", now)
        assert listed.try_at is not None
        assert delay_s <= listed.try_at - now <= 1.1 * delay_s
        now = listed.try_at

    assert await deliveries.record(await begin(deliveries, now), DOWN, now=now) is DeliveryState.FAILED

    listed = await only(deliveries)
    assert (listed.tries, listed.status, listed.error, listed.try_at) == (MAX_TRIES, None, DOWN.error, None)
    assert await due(deliveries, now + MAX_DELAY_S) == []
    retried = await deliveries.retry(listed.id, "alice", now=now)
    assert retried is not None
    assert (retried.state, retried.tries, retried.try_at) == (DeliveryState.PENDING, 0, now)
    assert (await begin(deliveries, now)).tries == 1


async def test_a_receiver_that_is_gone_gets_nothing_more_of_the_job(deliveries: Deliveries, finish: Finish) -> None:
    await finish(events=(JOB_STARTED, *END_EVENTS))
    await finish(now=1.0)
    started, *_ = await due(deliveries, 0.0)
    (started,) = await deliveries.begin([started], now=0.0)

    assert await deliveries.record(started, Answer(410), now=0.0) is DeliveryState.DISABLED

    states = [each.state for each in await deliveries.page("alice", limit=5)]
    assert states == [DeliveryState.PENDING, DeliveryState.DISABLED, DeliveryState.DISABLED]


async def test_a_receiver_that_was_gone_is_told_again_after_a_retry(
    deliveries: Deliveries, repository: JobRepository, claims: JobClaims
) -> None:
    await repository.create(make_job(webhook=make_webhook()), now=0.0)
    claim = await claim_one(claims)
    await deliveries.record(await begin(deliveries, 0.0), Answer(410), now=0.0)
    gone = await only(deliveries)

    retried = await deliveries.retry(gone.id, "alice", now=1.0)
    await claims.add_image(claim, make_image(), last_at=2.0)

    assert (gone.state, retried and retried.state) == (DeliveryState.DISABLED, DeliveryState.PENDING)
    assert [each.event for each in await due(deliveries, 2.0)] == [JOB_STARTED, JOB_SUCCEEDED]


async def test_a_try_that_is_under_way_is_not_begun_a_second_time_by_a_retry(
    deliveries: Deliveries, finish: Finish
) -> None:
    await finish()
    trying = await begin(deliveries, 1.0)

    retried = await deliveries.retry(trying.id, "alice", now=2.0)
    assert retried is not None
    assert (retried.tries, retried.try_at) == (1, 1.0 + LEASE_S)
    assert await due(deliveries, 2.0) == []

    await deliveries.record(trying, DOWN, now=3.0)
    await deliveries.retry(trying.id, "alice", now=4.0)
    assert (await begin(deliveries, 4.0)).tries == 1


async def test_a_lost_try_that_ends_after_a_retry_records_nothing(deliveries: Deliveries, finish: Finish) -> None:
    await finish()
    lost = await begin(deliveries, 1.0)
    await deliveries.retry(lost.id, "alice", now=1.0 + LEASE_S)
    again = await begin(deliveries, 1.0 + LEASE_S)
    assert again.tries == lost.tries

    await deliveries.record(lost, DOWN, now=2.0 + LEASE_S)

    assert (await only(deliveries)).error is None
    await deliveries.record(again, OK, now=3.0 + LEASE_S)
    assert (await only(deliveries)).state is DeliveryState.DELIVERED


async def test_busy_hosts_and_tenants_are_passed_over(deliveries: Deliveries, finish: Finish) -> None:
    for now, (host, tenant) in enumerate((("slow.test", "alice"), ("hooks.test", "bob"), ("hooks.test", "alice"))):
        await finish(float(now), host=host, tenant=tenant)

    assert [each.host for each in await due(deliveries, 9.0)] == ["slow.test", "hooks.test", "hooks.test"]
    slow = [("alice", "slow.test"), ("bob", "slow.test")]
    assert [each.tenant for each in await due(deliveries, 9.0, busy_hosts=slow)] == ["bob", "alice"]
    assert [each.host for each in await due(deliveries, 9.0, busy_hosts=slow, busy_tenants=["bob"])] == ["hooks.test"]
    assert [each.host for each in await due(deliveries, 9.0, busy_hosts=slow[1:], busy_tenants=["bob"])] == [
        "slow.test",
        "hooks.test",
    ]
    assert await deliveries.next_try_at(busy_hosts=slow, busy_tenants=["bob"]) == 2.0


async def test_a_time_that_a_wrong_clock_has_planned_is_not_waited_for(deliveries: Deliveries, finish: Finish) -> None:
    await finish()
    await deliveries.record(await begin(deliveries, 1e9), DOWN, now=1e9)

    assert len(await due(deliveries, 100.0)) == 1


async def test_a_tenant_sees_its_own_deliveries_page_by_page_and_retries_no_others(
    deliveries: Deliveries, finish: Finish
) -> None:
    ids = [await finish(float(now)) for now in range(3)]
    await finish(3.0, tenant="bob")

    first = await deliveries.page("alice", limit=2)
    rest = await deliveries.page("alice", limit=2, after=Cursor(first[-1].created_at, first[-1].id))

    assert [each.job_id for each in (*first, *rest)] == ids[::-1]
    assert len(await deliveries.page(None, limit=9)) == 4
    assert await deliveries.page("alice", limit=9, state=DeliveryState.FAILED) == []
    assert await deliveries.retry(first[0].id, "bob", now=9.0) is None
    assert await deliveries.retry("msg_unknown", None, now=9.0) is None
    assert await deliveries.page("alice", limit=2) == first
