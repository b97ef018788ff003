"""Queued work that is summed up anew whenever it is read, for simulated engines that keep no sums."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable
from typing import NamedTuple

from service.engine.frontend.admission import QueuedWork


class QueuedImage(NamedTuple):
    """An image that takes room in the queue."""

    job: Hashable
    tenant: str
    left_s: float


class ScannedWork(QueuedWork):
    """Reads like `QueuedWork`."""

    def __init__(self, queued: Callable[[], Iterable[QueuedImage]]) -> None:
        """`queued` returns the images that take room now."""
        super().__init__()
        self._queued = queued

    def _sums(self) -> QueuedWork:
        sums = QueuedWork()
        for image in self._queued():
            sums.add(*image)
        return sums

    @property
    def jobs(self) -> int:
        return self._sums().jobs

    @property
    def images(self) -> int:
        return self._sums().images

    @property
    def left_s(self) -> float:
        return self._sums().left_s

    @property
    def tenants(self) -> Collection[str]:
        return self._sums().tenants

    def left_of_s(self, tenant: str) -> float:
        return self._sums().left_of_s(tenant)
