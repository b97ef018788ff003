"""Learns how much work arrives, to foresee how long later arrivals will delay an image.

Runs in the worker's process; pure.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from service.engine.scheduling.image import Prediction, ScheduledImage

_REMEMBERED: Final = 64
"""Number of arrivals from which the rate is learned."""
_PRIOR_S: Final = 5.0
"""Seconds without an arrival that are assumed before the first, so that one burst does not count as a steady rate."""
_ROUNDS: Final = 5
"""Iterations for a delay that grows with itself: during a longer wait more work arrives."""
_CAUTION: Final = 2.0
"""Factor on the expected delay: callers mind an image that is late more than one that is early."""
_MAX_FACTOR: Final = 6.0
"""Largest factor by which arrivals lengthen an estimate."""
_DECAY: Final = 0.95
"""Factor on the learned delays with each further image."""


class _Arrival(NamedTuple):
    arrived_s: float
    deadline_in_s: float
    """Seconds from its arrival to its virtual deadline."""
    price_s: float


class Arrivals:
    """Keeps the latest arrivals, which stand for those to come, and learns the share of them that did delay images.

    Arrivals at a steady rate delay images. Those of callers who wait for one image before they ask for the next do not.
    """

    def __init__(self) -> None:
        self._latest: deque[_Arrival] = deque(maxlen=_REMEMBERED)
        self._expected = self._seen = 1.0
        """Sums of expected and of seen delays, relative to the estimates; old ones count less."""

    def add(self, image: ScheduledImage[Any], price_s: float) -> None:
        self._latest.append(_Arrival(image.arrived_s, image.virtual_deadline_s - image.arrived_s, price_s))

    def predict(self, eta_s: float, now_s: float, overtaken_until_s: Callable[[float], float]) -> Prediction:
        """Returns the prediction for an image that ends in `eta_s` if nothing arrives.

        `overtaken_until_s` returns, for an end, the virtual deadline with which the image will be ordered.
        """
        return Prediction(now_s, eta_s, self._delay_s(eta_s, now_s, overtaken_until_s, 1.0))

    def put_back_s(self, eta_s: float, now_s: float, overtaken_until_s: Callable[[float], float]) -> float:
        """Returns the estimate, including the work that will arrive before the image is finished and be served first.

        The arguments are those of `predict`.
        """
        share = min(1.0, max(0.0, self._seen / self._expected))
        return eta_s + self._delay_s(eta_s, now_s, overtaken_until_s, _CAUTION * share)

    def learn(self, prediction: Prediction, now_s: float) -> None:
        """Compares a prediction with the end of its image, which is now."""
        if prediction.eta_s > 0:
            seen_s = now_s - prediction.at_s - prediction.eta_s
            self._expected = _DECAY * self._expected + prediction.delay_s / prediction.eta_s
            self._seen = _DECAY * self._seen + seen_s / prediction.eta_s

    def _delay_s(self, eta_s: float, now_s: float, overtaken_until_s: Callable[[float], float], factor: float) -> float:
        if not self._latest:
            return 0.0
        window_s = now_s - self._latest[0].arrived_s + _PRIOR_S
        delay_s = 0.0
        for _ in range(_ROUNDS):
            expected_s = eta_s + delay_s
            deadline_s = overtaken_until_s(now_s + expected_s)
            work_s = sum(
                each.price_s * max(0.0, min(expected_s, deadline_s - each.deadline_in_s - now_s))
                for each in self._latest
            )
            delay_s = min(factor * work_s / window_s, (_MAX_FACTOR - 1) * eta_s)
        return delay_s
