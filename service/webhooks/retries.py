"""The times at which a delivery that has failed is tried again."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

DELAYS_S: Final = (5.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0, 36_000.0)
"""Pauses between two tries, as Standard Webhooks advises: 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 10 h."""
MAX_TRIES: Final = len(DELAYS_S) + 1
_JITTER: Final = 0.1
MAX_DELAY_S: Final = max(DELAYS_S) * (1 + _JITTER)

_random_share = random.SystemRandom().random
"""Returns a number from 0 to 1."""


def next_delay_s(tries: int, share: Callable[[], float] = _random_share) -> float | None:
    """Returns the seconds until the next try after so many, or None where there is none.

    Up to a tenth is added at random, so that what failed together is not tried together.
    """
    return None if tries >= MAX_TRIES else DELAYS_S[tries - 1] * (1 + _JITTER * share())
