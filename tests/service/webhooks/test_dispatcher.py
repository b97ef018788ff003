"""Deliveries are sent side by side within limits; a slow host or tenant holds up no other; outcomes are recorded."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from service.errors import StoreUnavailableError
from service.webhooks.deliveries import DeliveryState, DueDelivery, TenantHost
from service.webhooks.dispatcher import Dispatcher
from service.webhooks.sending.sender import Answer
from service.webhooks.shares import DispatchLimits
from tests.harness.sample_jobs import make_webhook

LIMITS = DispatchLimits(total=12, per_host=2)


@dataclass
class FakeDeliveries:
    """Deliveries in memory, as one server sees them."""

    waiting: list[DueDelivery] = field(default_factory=list)
    try_at: float = 0.0
    recorded: list[tuple[str, int | None]] = field(default_factory=list)
    looks: int = 0
    fails: int = 0
    """Number of accesses that fail next."""

    def add(self, host: str, tenant: str = "alice", count: int = 1) -> None:
        for _ in range(count):
            delivery_id = f"{tenant}_{len(self.waiting) + len(self.recorded)}_{host}"
            self.waiting.append(DueDelivery(delivery_id, "job", tenant, host, "job.started", 0, None, make_webhook()))

    def _free(self, hosts: Collection[TenantHost], tenants: Collection[str]) -> list[DueDelivery]:
        return [each for each in self.waiting if (each.tenant, each.host) not in hosts and each.tenant not in tenants]

    async def due(
        self, *, now: float, busy_hosts: Collection[TenantHost], busy_tenants: Collection[str], limit: int
    ) -> list[DueDelivery]:
        self._access()
        self.looks += 1
        return self._free(busy_hosts, busy_tenants)[:limit] if now >= self.try_at else []

    async def next_try_at(self, *, busy_hosts: Collection[TenantHost], busy_tenants: Collection[str]) -> float | None:
        return self.try_at if self._free(busy_hosts, busy_tenants) else None

    async def begin(self, chosen: Sequence[DueDelivery], *, now: float) -> list[DueDelivery]:
        self.waiting = [each for each in self.waiting if each not in chosen]
        return list(chosen)

    async def record(self, delivery: DueDelivery, answer: Answer, *, now: float) -> DeliveryState:
        self._access()
        self.recorded.append((delivery.id, answer.status))
        return DeliveryState.DELIVERED

    def _access(self) -> None:
        if self.fails:
            self.fails -= 1
            raise StoreUnavailableError


class SlowReceivers:
    """Receivers of which those of some hosts answer only once they are let go."""

    def __init__(self, *slow: str) -> None:
        self.let_go = asyncio.Event()
        self.under_way: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self._slow = slow

    async def __call__(self, delivery: DueDelivery) -> Answer:
        for name in (delivery.host, delivery.tenant, "all"):
            self.under_way[name] += 1
            self.most[name] = max(self.most[name], self.under_way[name])
        await (self.let_go.wait() if delivery.host in self._slow else asyncio.sleep(0))
        for name in (delivery.host, delivery.tenant, "all"):
            self.under_way[name] -= 1
        return Answer(204)


def dispatcher(deliveries: FakeDeliveries, send: SlowReceivers, *, now: float = 0.0) -> Dispatcher:
    return Dispatcher(deliveries, send, clock=lambda: now, limits=LIMITS)


async def until(holds: Callable[[], object]) -> None:
    while not holds():  # noqa: ASYNC110 -- the fakes have no events for it
        await asyncio.sleep(0.001)


async def test_a_slow_host_holds_up_no_other_although_it_is_first_and_has_the_most() -> None:
    deliveries, receivers = FakeDeliveries(), SlowReceivers("slow.test")
    deliveries.add("slow.test", count=50)
    deliveries.add("hooks.test", tenant="bob", count=5)
    running = dispatcher(deliveries, receivers)

    while len(deliveries.recorded) < 5:
        await running.start_due()
        await asyncio.sleep(0)
    assert all(name.endswith("hooks.test") for name, _ in deliveries.recorded)

    receivers.let_go.set()
    while len(deliveries.recorded) < 55:
        await running.start_due()
        await asyncio.sleep(0)
    assert (receivers.most["slow.test"], receivers.most["hooks.test"]) == (LIMITS.per_host, LIMITS.per_host)


async def test_tenants_with_endless_deliveries_to_slow_hosts_hold_up_no_other() -> None:
    slow = [f"slow{number}.test" for number in range(6)]
    deliveries, receivers = FakeDeliveries(), SlowReceivers(*slow)
    for _ in range(20):
        for tenant in ("alice", "bob"):
            for host in (*slow, "hooks.test"):
                deliveries.add(host, tenant)
    deliveries.add("hooks.test", "carol")
    running = dispatcher(deliveries, receivers)

    while not any(each.startswith("carol") for each, _ in deliveries.recorded):
        await running.start_due()
        await asyncio.sleep(0)
    assert receivers.under_way["carol"] == 0

    receivers.let_go.set()
    while deliveries.waiting or receivers.under_way["all"]:
        await running.start_due()
        await asyncio.sleep(0)
    assert receivers.most["all"] <= LIMITS.total
    assert len(deliveries.recorded) == 281


async def test_an_idle_dispatcher_sleeps_until_the_next_is_due() -> None:
    deliveries = FakeDeliveries()
    running = dispatcher(deliveries, SlowReceivers(), now=100.0)
    idle_s = await running.start_due()
    deliveries.add("hooks.test")

    deliveries.try_at = 102.5
    assert await running.start_due() == 2.5
    deliveries.try_at = 1e6
    assert await running.start_due() == idle_s
    assert deliveries.recorded == []


async def test_the_loop_delivers_when_woken_and_goes_on_after_a_failure_of_the_store() -> None:
    deliveries, receivers = FakeDeliveries(), SlowReceivers()
    running = dispatcher(deliveries, receivers)
    loop = asyncio.create_task(running.run())
    await until(lambda: deliveries.looks)

    deliveries.fails = 1
    running.wake()
    await until(lambda: not deliveries.fails)
    deliveries.add("hooks.test")
    running.wake()
    await until(lambda: deliveries.recorded)

    loop.cancel()
    await asyncio.gather(loop, return_exceptions=True)
    assert deliveries.recorded == [("alice_0_hooks.test", 204)]


async def test_a_loop_that_is_stopped_leaves_nothing_under_way() -> None:
    deliveries, receivers = FakeDeliveries(), SlowReceivers("slow.test")
    deliveries.add("slow.test")
    loop = asyncio.create_task(dispatcher(deliveries, receivers).run())
    await until(lambda: receivers.under_way["slow.test"])

    loop.cancel()
    receivers.let_go.set()
    await asyncio.gather(loop, return_exceptions=True)

    assert deliveries.recorded == [("alice_0_slow.test", 204)], "what was answered meanwhile is recorded"
