"""Decides whether there is room for a job, and how long it takes until there is: bounds on queued device seconds.

Runs in the server's process. It reads what is queued and changes nothing; the time is passed in. `waiting_line` decides
who gets the room.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from service.engine.config import EngineConfig
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
        """Starts the measurement when an empty queue gets work."""
        self._since_s = now_s

    def finished(self, price_s: float, now_s: float) -> None:
        """Records that an image of this price was finished."""
        since_s = now_s if self._since_s is None else self._since_s
        self._priced_s = _DECAY * self._priced_s + price_s
        self._passed_s = _DECAY * self._passed_s + (now_s - since_s)
        self._since_s = now_s


class QueuedImage(NamedTuple):
    """An image that takes room in the queue."""

    tenant: str
    price_s: float


class Admission:
    """The bounds of one engine's queue.

    What is queued before a job decides, and not the job's own size. So a job of several images finds room as soon as a
    single image does, an idle engine admits a job of any size, and at most one job goes beyond a bound.
    """

    def __init__(self, config: EngineConfig, queued: Callable[[], Sequence[QueuedImage]]) -> None:
        """`queued` returns the images that take room now."""
        self._config = config
        self._queued = queued
        self.speed: Final = DrainSpeed(len(config.workers))
        """The speed at which the images that take room are worked off."""

    @property
    def has_room(self) -> bool:
        """Whether a job may be admitted now."""
        prices_s = [image.price_s for image in self._queued()]
        return len(prices_s) < self._config.max_queued_images and sum(prices_s) < self._config.max_queued_s

    def wait_s(self, ahead_s: Sequence[float]) -> float:
        """Returns the seconds until there is room for a job behind the queue and images of these prices."""
        prices_s = [*(image.price_s for image in self._queued()), *ahead_s]
        total_s, excess_images = sum(prices_s), len(prices_s) - self._config.max_queued_images + 1
        excess_s = max(total_s - self._config.max_queued_s, total_s * excess_images / max(len(prices_s), 1), 0.0)
        return excess_s / self.speed.factor

    def check_quota(self, tenant: str, waiting_s: float) -> None:
        """Raises `QuotaExceededError` where the tenant holds its share, with images of this price that wait in line."""
        queued, quota_s = self._queued(), self._config.max_queued_s_per_tenant
        own_s = sum(image.price_s for image in queued if image.tenant == tenant) + waiting_s
        if quota_s is not None and own_s >= quota_s:
            # The tenants share the device, so each one's queue drains that many times slower.
            wait_s = (own_s - quota_s) * len({image.tenant for image in queued}) / self.speed.factor
            raise QuotaExceededError(
                "You have too many images in the queue. Try again later.", retry_after_s=_retry_after_s(wait_s)
            )

    def refusal(self, ahead_s: Sequence[float]) -> QueueFullError:
        """Returns the error for a job behind the queue and images of these prices."""
        return QueueFullError(
            "Too many images are in the queue. Try again later.", retry_after_s=_retry_after_s(self.wait_s(ahead_s))
        )


def _retry_after_s(wait_s: float) -> float:
    return math.ceil(min(max(wait_s, _MIN_RETRY_S), _MAX_RETRY_S))
