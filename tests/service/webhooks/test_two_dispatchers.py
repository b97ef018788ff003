"""Two dispatchers on one database, as of two servers: together they make each delivery, and none twice."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Final

from service.jobs.store.claims import JobClaims
from service.jobs.store.repository import JobRepository
from service.webhooks.deliveries import LEASE_S, Deliveries, Delivery, DeliveryState, DueDelivery
from service.webhooks.dispatcher import Dispatcher, Send
from service.webhooks.sending.sender import Answer
from service.webhooks.shares import DispatchLimits
from service.webhooks.types import END_EVENTS
from tests.harness.sample_jobs import claim_one, make_image, make_job, make_webhook
from tests.service.jobs.conftest import Connect

LIMITS: Final = DispatchLimits(total=4)
"""Fewer than there are deliveries for one dispatcher to have all of them under way."""
NOW: Final = 100.0


@dataclass
class Receivers:
    """Receivers of what both send, which answer once they are let go."""

    let_go: asyncio.Event = field(default_factory=asyncio.Event)
    asked: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Ids of the deliveries that each server has begun to send."""
    under_way: set[str] = field(default_factory=set)
    overlapping: list[str] = field(default_factory=list)
    """Ids that a server began to send while a server was sending them."""

    def of(self, server: str) -> Send:
        async def send(delivery: DueDelivery) -> Answer:
            if delivery.id in self.under_way:
                self.overlapping.append(delivery.id)
            self.under_way.add(delivery.id)
            self.asked[server].append(delivery.id)
            await self.let_go.wait()
            self.under_way.discard(delivery.id)
            return Answer(204)

        return send


@contextlib.asynccontextmanager
async def dispatching(deliveries: Deliveries, send: Send, *, now: float = NOW) -> AsyncIterator[None]:
    running = asyncio.create_task(Dispatcher(deliveries, send, clock=lambda: now, limits=LIMITS).run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110 -- the dispatchers have no event for it
        await asyncio.sleep(0.01)


async def all_delivered(deliveries: Deliveries, count: int) -> None:
    found: list[Delivery] = []
    while len(found) < count:
        await asyncio.sleep(0.01)
        found = await deliveries.page(None, limit=100, state=DeliveryState.DELIVERED)


async def end_jobs(repository: JobRepository, claims: JobClaims) -> set[str]:
    """Ends jobs of three tenants with two hosts each. Returns the ids of their deliveries."""
    ids = set[str]()
    for number in range(12):
        webhook = make_webhook(f"https://{number % 2}.test/in", events=END_EVENTS)
        job = make_job(tenant=f"tenant{number % 3}", webhook=webhook)
        await repository.create(job, now=0.0)
        await claims.add_image(await claim_one(claims), make_image(), last_at=1.0)
        ids.add(f"msg_{job.id}_succeeded")
    return ids


async def test_each_delivery_is_made_once_by_one_of_them_while_both_are_at_work(
    connect: Connect, repository: JobRepository, claims: JobClaims
) -> None:
    ids = await end_jobs(repository, claims)
    here, there, receivers = Deliveries(connect()), Deliveries(connect()), Receivers()

    async with dispatching(here, receivers.of("here")), dispatching(there, receivers.of("there")):
        await until(lambda: len(receivers.asked) == 2)
        receivers.let_go.set()
        await all_delivered(here, len(ids))

    assert sorted([*receivers.asked["here"], *receivers.asked["there"]]) == sorted(ids)
    assert receivers.overlapping == []
    assert {each.tries for each in await here.page(None, limit=100)} == {1}


async def test_what_one_of_them_leaves_unanswered_is_made_by_the_other_once_its_lease_has_ended(
    connect: Connect, repository: JobRepository, claims: JobClaims
) -> None:
    ids = await end_jobs(repository, claims)
    here, there, receivers = Deliveries(connect()), Deliveries(connect()), Receivers()

    async with dispatching(here, receivers.of("here")):
        await until(lambda: bool(receivers.asked["here"]))
    left = set(receivers.asked["here"])
    receivers.under_way.clear()
    receivers.let_go.set()
    async with dispatching(there, receivers.of("there"), now=NOW + LEASE_S / 2):
        await all_delivered(there, len(ids - left))
    assert sorted(receivers.asked["there"]) == sorted(ids - left), "those under lease are let alone"

    async with dispatching(there, receivers.of("later"), now=NOW + LEASE_S):
        await all_delivered(there, len(ids))
    assert sorted(receivers.asked["later"]) == sorted(left)
    assert receivers.overlapping == []
