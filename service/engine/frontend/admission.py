"""Decides whether a job may be queued, and when a refused caller should retry: bounds on queued device seconds.

Runs in the server's process. It reads the images in flight and changes nothing; the time is passed in.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from service.engine.config import EngineConfig
from service.engine.frontend.inflight import InFlightImages
from service.errors import QueueFullError, QuotaExceededError

_MIN_RETRY_S: Final = 1.0
_MAX_RETRY_S: Final = 120.0
"""Clients ignore a longer Retry-After."""
_PRIOR_S: Final = 10.0
"""Seconds of assumed history, at speed 1.0 of each device, with which the moving average starts."""
_DECAY: Final = 0.95
"""Factor on the history with each further image."""


class DrainSpeed:
    """Moving average of the priced seconds that all devices work off per second: 1 a device with full calls, less with
    others."""

    def __init__(self, devices: int = 1) -> None:
        self._priced_s, self._passed_s = devices * _PRIOR_S, _PRIOR_S
        self._since_s: float | None = None

    @property
    def factor(self) -> float:
        return self._priced_s / self._passed_s

    def started(self, now_s: float) -> None:
        """Starts the measurement when an idle engine gets work."""
        self._since_s = now_s

    def finished(self, price_s: float, now_s: float) -> None:
        """Records that an image of this price was finished."""
        since_s = now_s if self._since_s is None else self._since_s
        self._priced_s = _DECAY * self._priced_s + price_s
        self._passed_s = _DECAY * self._passed_s + (now_s - since_s)
        self._since_s = now_s


class Admission:
    """The bounds of one engine's queue."""

    def __init__(self, config: EngineConfig, in_flight: InFlightImages) -> None:
        self._config = config
        self._in_flight = in_flight
        self.speed: Final = DrainSpeed(len(config.workers))

    def check(self, prices_s: Sequence[float], tenant: str) -> None:
        """Raises `QuotaExceededError` or `QueueFullError` where images of these prices would exceed a bound.

        An idle engine admits a job of any size, and the quota does not apply to a tenant that has nothing queued: a job
        larger than its bound would otherwise be refused forever.
        """
        queued = [(image.submit.tenant, image.price_s) for image in self._in_flight]
        if not queued:
            return
        own_s = [price_s for owner, price_s in queued if owner == tenant]
        quota_s = self._config.max_queued_s_per_tenant
        if own_s and quota_s is not None and sum(own_s) + sum(prices_s) > quota_s:
            # The tenants share the device, so each one's queue drains that many times slower.
            excess_s = (sum(own_s) + sum(prices_s) - quota_s) * len({owner for owner, _ in queued})
            raise QuotaExceededError(
                "You have too many images in the queue. Try again later.", retry_after_s=self._retry_after_s(excess_s)
            )
        excess_s = self._excess_s([price_s for _, price_s in queued], prices_s)
        if excess_s > 0:
            raise QueueFullError(
                "Too many images are in the queue. Try again later.", retry_after_s=self._retry_after_s(excess_s)
            )

    def _excess_s(self, queued_s: Sequence[float], prices_s: Sequence[float]) -> float:
        """Returns the queued seconds that must be worked off before there is room."""
        backlog_s = sum(queued_s)
        excess_images = len(queued_s) + len(prices_s) - self._config.max_queued_images
        return max(
            backlog_s + sum(prices_s) - self._config.max_queued_s,
            backlog_s * min(1.0, excess_images / len(queued_s)),
        )

    def _retry_after_s(self, excess_s: float) -> float:
        return math.ceil(min(max(excess_s / self.speed.factor, _MIN_RETRY_S), _MAX_RETRY_S))
