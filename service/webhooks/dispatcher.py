"""Delivers what is due, many at a time but few to one host, and records how it went.

Nothing here runs in a job's path: a job's end leaves a row, and this loop finds it. While nothing is due it reads one
value now and then and writes nothing. Several servers of one database share the deliveries.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Final, Protocol, TypeAlias

import structlog

from service.errors import StoreUnavailableError
from service.jobs.background import log_and_continue
from service.observability.webhook_metrics import WebhookMetrics
from service.webhooks.deliveries import DeliveryState, DueDelivery, TenantHost
from service.webhooks.sending.sender import Answer
from service.webhooks.shares import DispatchLimits, Shares

Send: TypeAlias = Callable[[DueDelivery], Awaitable[Answer | None]]
"""Sends one delivery. Returns None where there is nothing to deliver any more: its job has been deleted."""

_COALESCE_S: Final = 0.1
"""Changes of jobs that follow each other so quickly are looked at together."""
_IDLE_S: Final = 10.0
"""Seconds between two looks where nothing is due: other servers' lost tries are found by them."""
_RETRY_S: Final = 1.0
"""Seconds between two looks while the store cannot be reached."""
_RECORD_TRIES: Final = 3
_RECORD_PAUSE_S: Final = 1.0
_STOP_S: Final = 1.0
"""Time for requests that are under way when the server stops. What is cut off is repeated once its lease has ended."""

_log = structlog.get_logger("darkroom.webhooks")


class DeliveryQueue(Protocol):
    """The methods of `service.webhooks.deliveries.Deliveries` that the dispatcher uses."""

    async def due(
        self, *, now: float, busy_hosts: Collection[TenantHost], busy_tenants: Collection[str], limit: int
    ) -> list[DueDelivery]:
        """Returns deliveries whose time has come."""

    async def next_try_at(self, *, busy_hosts: Collection[TenantHost], busy_tenants: Collection[str]) -> float | None:
        """Returns when the next delivery is due."""

    async def begin(self, chosen: Sequence[DueDelivery], *, now: float) -> list[DueDelivery]:
        """Begins a try of each. Returns those that no other server has begun meanwhile."""

    async def record(self, delivery: DueDelivery, answer: Answer, *, now: float) -> DeliveryState:
        """Records how a try has ended."""


class Dispatcher:
    """All methods belong to one event loop."""

    def __init__(
        self,
        deliveries: DeliveryQueue,
        send: Send,
        *,
        clock: Callable[[], float],
        is_open: Callable[[], bool] = lambda: True,
        metrics: WebhookMetrics | None = None,
        limits: DispatchLimits | None = None,
    ) -> None:
        """`is_open` tells whether the store is known to have the table."""
        self._deliveries = deliveries
        self._send = send
        self._clock = clock
        self._is_open = is_open
        self._metrics = metrics or WebhookMetrics()
        self._limits = limits or DispatchLimits()
        self._under_way: dict[asyncio.Task[None], DueDelivery] = {}
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Makes the dispatcher look for deliveries soon."""
        self._woken.set()

    async def run(self) -> None:
        """Delivers until canceled."""
        try:
            while True:
                self._woken.clear()
                pause_s = _RETRY_S
                with log_and_continue("delivering webhooks"):
                    pause_s = await self.start_due() if self._is_open() else _RETRY_S
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause_s):
                        await self._woken.wait()
                await asyncio.sleep(_COALESCE_S)
        finally:
            await self._stop()

    async def start_due(self) -> float:
        """Starts to deliver what is due, as far as the limits allow. Returns the seconds until the next look."""
        while (shares := Shares(self._limits, self._under_way.values())).free > 0:
            now, (hosts, tenants) = self._clock(), (shares.busy_hosts(), shares.busy_tenants())
            # More than fit: those at the head may all be for one host.
            found = await self._deliveries.due(now=now, busy_hosts=hosts, busy_tenants=tenants, limit=4 * shares.free)
            if not found:
                next_at = await self._deliveries.next_try_at(busy_hosts=hosts, busy_tenants=tenants)
                return _IDLE_S if next_at is None else min(max(next_at - now, 0.0), _IDLE_S)
            for each in await self._deliveries.begin([each for each in found if shares.take(each)], now=now):
                self._start(each)
        return _IDLE_S  # The end of one wakes it.

    def _start(self, delivery: DueDelivery) -> None:
        task = asyncio.create_task(self._deliver(delivery))
        self._under_way[task] = delivery
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._under_way[task]
        self.wake()

    async def _deliver(self, delivery: DueDelivery) -> None:
        with log_and_continue("delivering a webhook"):
            begun = asyncio.get_running_loop().time()
            answer = await self._send(delivery)
            if answer is None:
                return
            seconds = asyncio.get_running_loop().time() - begun
            state = await self._record(delivery, answer)
            self._metrics.webhook_tried(state, seconds)
            _log.info(
                "webhook tried",
                delivery_id=delivery.id,
                tenant=delivery.tenant,
                state=state,
                tries=delivery.tries,
                status=answer.status,
                reason=answer.error,
            )

    async def _record(self, delivery: DueDelivery, answer: Answer) -> DeliveryState:
        """Records the outcome, a few times where the store fails: otherwise the receiver gets the same once more."""
        for _ in range(_RECORD_TRIES - 1):
            with contextlib.suppress(StoreUnavailableError):
                return await self._deliveries.record(delivery, answer, now=self._clock())
            await asyncio.sleep(_RECORD_PAUSE_S)
        return await self._deliveries.record(delivery, answer, now=self._clock())

    async def _stop(self) -> None:
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=_STOP_S)
        cut_off = list(self._under_way)
        for task in cut_off:
            task.cancel()
        await asyncio.gather(*cut_off, return_exceptions=True)
