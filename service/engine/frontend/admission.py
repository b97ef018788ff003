"""Decides whether there is room for a job, and how long it takes until there is: bounds on queued device seconds.

Runs in the server's process. It reads what is queued and changes nothing; the time is passed in. `waiting_line` decides
who gets the room.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Hashable
from typing import Final, NamedTuple, TypeVar

from service.engine.config import EngineConfig
from service.engine.interface import Phase
from service.engine.scheduling.fair_share import weight
from service.errors import EngineUnavailableError, QueueFullError, QuotaExceededError

KeyT = TypeVar("KeyT", bound=Hashable)

_RETRY_LOADING_S: Final = 5.0
_MIN_RETRY_S: Final = 1.0
_MAX_RETRY_S: Final = 3600.0
"""Nobody knows what a queue will be like after more than an hour."""
_NAMED_S: Final = 120.0
"""Clients do not wait as long as this by themselves, so that the message says it to people."""
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


class QueuedWork:
    """The images that take room in the queue, as sums that are kept up to date. Reading them costs little however many
    images there are: every request and every step of an image has them read."""

    def __init__(self) -> None:
        self._jobs = Counter[Hashable]()
        self._images = Counter[str]()
        """The number of each tenant's images."""
        self._left_s: dict[str, float] = {}
        """The prices of each tenant's images, as far as they are not done."""

    def add(self, job: Hashable, tenant: str, price_s: float) -> None:
        self._jobs[job] += 1
        self._images[tenant] += 1
        self._left_s[tenant] = self._left_s.get(tenant, 0.0) + price_s

    def record_done(self, tenant: str, done_s: float) -> None:
        """Records that so many seconds of an image's price are done, or undone where they are negative."""
        self._left_s[tenant] -= done_s

    def remove(self, job: Hashable, tenant: str, left_s: float) -> None:
        """Removes an image of which so much was left."""
        self._left_s[tenant] -= left_s
        take_one(self._jobs, job)
        take_one(self._images, tenant)
        if tenant not in self._images:
            del self._left_s[tenant]  # With the rounding errors of its sum.

    @property
    def jobs(self) -> int:
        return len(self._jobs)

    @property
    def images(self) -> int:
        return self._images.total()

    @property
    def left_s(self) -> float:
        return sum(self._left_s.values())

    @property
    def tenants(self) -> Collection[str]:
        return self._images.keys()

    def left_of_s(self, tenant: str) -> float:
        return self._left_s.get(tenant, 0.0)


def take_one(counter: Counter[KeyT], key: KeyT) -> None:
    """Counts one less of `key`, which is not in the counter any more once there is none."""
    counter[key] -= 1
    if not counter[key]:
        del counter[key]


class WorkAhead(NamedTuple):
    """Jobs that are admitted before another one."""

    jobs: int
    images: int
    price_s: float
    """Price of all their images together."""


class Admission:
    """The bounds of one engine's queue.

    What is queued before a job decides, and not the job's own size. So a job of several images finds room as soon as a
    single image does, an idle engine admits a job of any size, and one job of each tenant may go beyond a bound. A few
    jobs find room whatever they cost: on a slow device one alone may be more work than the bound in seconds.
    """

    def __init__(self, config: EngineConfig, queued: QueuedWork) -> None:
        self._config = config
        self._queued = queued
        self.speed: Final = DrainSpeed(len(config.workers))
        """The speed at which the images that take room are worked off."""

    @property
    def has_room(self) -> bool:
        """Whether a job may be admitted now."""
        config, queued = self._config, self._queued
        is_short = queued.left_s < config.max_queued_s or queued.jobs < config.min_queued_jobs
        return queued.images < config.max_queued_images and is_short

    def has_own_room(self, tenant: str) -> bool:
        """Whether the tenant's job may be admitted although there is no room: it has none in the queue."""
        return tenant not in self._queued.tenants

    def wait_s(self, ahead: WorkAhead) -> float:
        """Returns the seconds until there is room for a job behind the queue and this work."""
        config, queued = self._config, self._queued
        total_s = queued.left_s + ahead.price_s
        images = queued.images + ahead.images
        jobs = queued.jobs + ahead.jobs
        excess_s = max(
            total_s * (images - config.max_queued_images + 1) / max(images, 1),
            min(total_s - config.max_queued_s, total_s * (jobs - config.min_queued_jobs + 1) / max(jobs, 1)),
            0.0,
        )
        return excess_s / self.speed.factor

    def check_quota(self, tenant: str, waiting_s: float) -> None:
        """Raises `QuotaExceededError` where the tenant holds its share, with images of this price that wait in line."""
        queued, quota_s = self._queued, self._config.max_queued_s_per_tenant
        own_s = queued.left_of_s(tenant) + waiting_s
        if quota_s is not None and own_s >= quota_s:
            # The tenants share the device, so that each one's queue drains at its part of the speed.
            shares = self._config.worker.shares
            weights = sum(weight(shares, other) for other in queued.tenants)
            wait_s = (own_s - quota_s) * weights / weight(shares, tenant) / self.speed.factor
            raise QuotaExceededError(
                "You have too many images in the queue. Try again later.", retry_after_s=_retry_after_s(wait_s)
            )

    def refusal(self, ahead: WorkAhead) -> QueueFullError:
        """Returns the error for a job behind the queue and this work."""
        wait_s = self.wait_s(ahead)
        again = "Try again later." if wait_s < _NAMED_S else f"There is room again in about {wait_s / 60:.0f} minutes."
        return QueueFullError(f"Too many images are in the queue. {again}", retry_after_s=_retry_after_s(wait_s))


def _retry_after_s(wait_s: float) -> float:
    return math.ceil(min(max(wait_s, _MIN_RETRY_S), _MAX_RETRY_S))


def unavailable(phase: Phase, activity: str) -> EngineUnavailableError:
    """Returns the error for a job that comes in this phase, which admits none. `activity` is what a start does."""
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
