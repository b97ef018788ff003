"""Learns how much work arrives, to foresee how far later arrivals will put an image back.

Runs in the worker's process; pure.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from service.engine.scheduling.image import ScheduledImage

_REMEMBERED: Final = 64
"""Arrivals from which the rate is learned."""
_PRIOR_S: Final = 5.0
"""Seconds without an arrival that are assumed before the first, so that one burst does not count as a steady rate."""
_ROUNDS: Final = 5
"""Rounds after which a longer wait, in which more arrives, is taken for settled."""
_CAUTION: Final = 1.5
"""Factor on the expected delay: callers mind an image that is late more than one that is early."""
_MAX_FACTOR: Final = 6.0
"""Largest factor by which arrivals lengthen an estimate."""


class _Arrival(NamedTuple):
    arrived_s: float
    patience_s: float
    """Seconds from its arrival to its virtual deadline."""
    price_s: float


class Arrivals:
    """The latest arrivals, which stand for those to come."""

    def __init__(self) -> None:
        self._latest: deque[_Arrival] = deque(maxlen=_REMEMBERED)

    def add(self, image: ScheduledImage[Any], price_s: float) -> None:
        self._latest.append(_Arrival(image.arrived_s, image.virtual_deadline_s - image.arrived_s, price_s))

    def put_back_s(self, eta_s: float, now_s: float, overtaken_until_s: Callable[[float], float]) -> float:
        """Returns the estimate with the work of those who will arrive before the image is finished and be served first.

        `eta_s` holds if nothing arrives. `overtaken_until_s` returns, for an end, the virtual deadline with which the
        image will be ordered.
        """
        if not self._latest:
            return eta_s
        window_s = now_s - self._latest[0].arrived_s + _PRIOR_S
        expected_s = eta_s
        for _ in range(_ROUNDS):
            deadline_s = overtaken_until_s(now_s + expected_s)
            work_s = sum(
                each.price_s * max(0.0, min(expected_s, deadline_s - each.patience_s - now_s)) for each in self._latest
            )
            expected_s = min(eta_s + _CAUTION * work_s / window_s, _MAX_FACTOR * eta_s)
        return expected_s
