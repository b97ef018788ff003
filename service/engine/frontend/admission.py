"""Whether a job may join the queue, and when to try again: bounds on queued work, in seconds of the device.

It reads the ledger and changes nothing; the time is passed in.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from service.engine.config import EngineConfig
from service.engine.frontend.inflight import InFlightWork
from service.errors import QueueFullError, QuotaExceededError

_MIN_RETRY_S: Final = 1.0
_MAX_RETRY_S: Final = 120.0
"""Clients ignore a longer Retry-After."""
_PRIOR_S: Final = 10.0
"""Of a queue that drains as fast as it is priced: what is believed before anything was seen."""
_KEPT: Final = 0.95
"""Of what was seen, at each further image."""


class DrainSpeed:
    """Seconds of queued price that are worked off in a second: 1 where calls are full, less where few share them."""

    def __init__(self) -> None:
        self._priced_s = self._passed_s = _PRIOR_S
        self._since_s: float | None = None

    @property
    def factor(self) -> float:
        return self._priced_s / self._passed_s

    def started(self, now_s: float) -> None:
        """Work has come to an idle engine."""
        self._since_s = now_s

    def finished(self, price_s: float, now_s: float) -> None:
        """An image of that price."""
        since_s = now_s if self._since_s is None else self._since_s
        self._priced_s = _KEPT * self._priced_s + price_s
        self._passed_s = _KEPT * self._passed_s + (now_s - since_s)
        self._since_s = now_s


class Admission:
    """The bounds of one engine."""

    def __init__(self, config: EngineConfig, ledger: InFlightWork) -> None:
        self._config = config
        self._ledger = ledger
        self.speed: Final = DrainSpeed()

    def check(self, prices_s: Sequence[float], tenant: str) -> None:
        """Raises `QuotaExceededError` or `QueueFullError` where images of these prices would be too many.

        Who has nothing in the queue takes a job of any size within the others' bounds, and an empty engine any at all:
        refused once, it would be refused for ever.
        """
        queued = [(ticket.submit.tenant, ticket.price_s) for ticket in self._ledger]
        if not queued:
            return
        own_s = [price_s for owner, price_s in queued if owner == tenant]
        quota_s = self._config.max_queued_s_per_tenant
        if own_s and quota_s is not None and sum(own_s) + sum(prices_s) > quota_s:
            # The tenants share the device, and each drains so much the slower.
            excess_s = (sum(own_s) + sum(prices_s) - quota_s) * len({owner for owner, _ in queued})
            raise QuotaExceededError(
                "Too many of your images wait already.", retry_after_s=self._retry_after_s(excess_s)
            )
        excess_s = self._excess_s([price_s for _, price_s in queued], prices_s)
        if excess_s > 0:
            raise QueueFullError("Too many images wait already.", retry_after_s=self._retry_after_s(excess_s))

    def _excess_s(self, queued_s: Sequence[float], prices_s: Sequence[float]) -> float:
        """Work that must end before there is room."""
        backlog_s = sum(queued_s)
        excess_images = len(queued_s) + len(prices_s) - self._config.max_queued_images
        return max(
            backlog_s + sum(prices_s) - self._config.max_queued_s,
            backlog_s * min(1.0, excess_images / len(queued_s)),
        )

    def _retry_after_s(self, excess_s: float) -> float:
        return math.ceil(min(max(excess_s / self.speed.factor, _MIN_RETRY_S), _MAX_RETRY_S))
