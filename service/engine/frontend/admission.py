"""Decides by bounds on the queue whether there is room for a job, and estimates when there will be.

Runs in the server's process. It only reads the queue; the time is passed in. `waiting_line` decides who gets the room.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from typing import Final, NamedTuple

from service.engine.config import EngineConfig
from service.engine.interface import Phase
from service.engine.scheduling.fair_share import weight
from service.errors import EngineUnavailableError, QueueFullError, QuotaExceededError

_RETRY_LOADING_S: Final = 5.0
_MIN_RETRY_S: Final = 1.0
_MAX_RETRY_S: Final = 3600.0
"""Longest wait that is told. A queue cannot be foreseen for more than an hour."""
_NAMED_S: Final = 120.0
"""Seconds from which the message tells the wait to people, since clients do not wait that long by themselves."""
_PRIOR_S: Final = 10.0
"""Seconds of assumed history, at speed 1.0 of each device, with which the moving average starts."""
_DECAY: Final = 0.95
"""Factor on the history with each further image."""


class DrainSpeed:
    """Moving average of the priced seconds that all devices complete per second: 1 per device with full calls."""

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
    """An image that counts against the bounds of the queue."""

    job: Hashable
    tenant: str
    left_s: float
    """The part of its price that is not done, in device seconds."""


class Admission:
    """Applies the bounds of one engine's queue.

    The work queued before a job decides, not the job's own size. So a job of several images finds room as soon as a
    single image does, an idle engine admits a job of any size, and at most one job goes beyond a bound. A few jobs find
    room whatever they cost: on a slow device one alone may be more work than the bound in seconds.
    """

    def __init__(self, config: EngineConfig, queued: Callable[[], Sequence[QueuedImage]]) -> None:
        """`queued` returns the images that count against the bounds now."""
        self._config = config
        self._queued = queued
        self.speed: Final = DrainSpeed(len(config.workers))
        """The speed at which the queue drains."""

    @property
    def has_room(self) -> bool:
        """Whether a job may be admitted now."""
        config, queued = self._config, self._queued()
        is_short = sum(image.left_s for image in queued) < config.max_queued_s
        is_small = len({image.job for image in queued}) < config.min_queued_jobs
        return len(queued) < config.max_queued_images and (is_short or is_small)

    def wait_s(self, ahead: Sequence[Sequence[float]]) -> float:
        """Returns the seconds until there is room for a job after the queue and the jobs `ahead` (prices of images)."""
        config, queued = self._config, self._queued()
        total_s = sum(image.left_s for image in queued) + sum(map(sum, ahead))
        images = len(queued) + sum(map(len, ahead))
        jobs = len({image.job for image in queued}) + len(ahead)
        excess_s = max(
            total_s * (images - config.max_queued_images + 1) / max(images, 1),
            min(total_s - config.max_queued_s, total_s * (jobs - config.min_queued_jobs + 1) / max(jobs, 1)),
            0.0,
        )
        return excess_s / self.speed.factor

    def check_quota(self, tenant: str, waiting_s: float) -> None:
        """Raises `QuotaExceededError` where the tenant's queued work and `waiting_s` in line fill its share."""
        queued, quota_s = self._queued(), self._config.max_queued_s_per_tenant
        own_s = sum(image.left_s for image in queued if image.tenant == tenant) + waiting_s
        if quota_s is not None and own_s >= quota_s:
            # The tenants share the device, so each one's queue drains at its part of the speed.
            shares = self._config.worker.shares
            weights = sum(weight(shares, other) for other in {image.tenant for image in queued})
            wait_s = (own_s - quota_s) * weights / weight(shares, tenant) / self.speed.factor
            raise QuotaExceededError(
                "You have too many images in the queue. Try again later.", retry_after_s=_retry_after_s(wait_s)
            )

    def refusal(self, ahead: Sequence[Sequence[float]]) -> QueueFullError:
        """Returns the error for a job after the queue and the jobs `ahead` (prices of images)."""
        wait_s = self.wait_s(ahead)
        again = "Try again later." if wait_s < _NAMED_S else f"There is room again in about {wait_s / 60:.0f} minutes."
        return QueueFullError(f"Too many images are in the queue. {again}", retry_after_s=_retry_after_s(wait_s))


def _retry_after_s(wait_s: float) -> float:
    return math.ceil(min(max(wait_s, _MIN_RETRY_S), _MAX_RETRY_S))


def unavailable(phase: Phase, activity: str) -> EngineUnavailableError:
    """Returns the error for a job that arrives in a phase that admits none. `activity` is that of a starting worker."""
    match phase:
        case Phase.LOADING | Phase.RESTARTING:
            doing = f" ({activity})" if activity else ""
            return EngineUnavailableError(f"The model is being loaded{doing}.", retry_after_s=_RETRY_LOADING_S)
        case Phase.FAILED:
            return EngineUnavailableError("The model could not be loaded.")
        case _:
            return shutting_down()


def shutting_down() -> EngineUnavailableError:
    return EngineUnavailableError("The server is shutting down.", retry_after_s=_RETRY_LOADING_S)
