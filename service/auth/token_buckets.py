"""Token buckets that bound the amount each key may take a minute. Pure: the time is passed in.

A bucket holds a minute's amount, starts full and fills evenly. It is kept as the time at which it is full again, in
whole nanoseconds: a caller that waits exactly as long as it was told is admitted, and one that waits less is not. This
is the generic cell rate algorithm (ITU-T I.371, annex A) with a virtual scheduling time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

WINDOW_S: Final = 60
_WINDOW_NS: Final = WINDOW_S * 1_000_000_000
_MAX_KEPT: Final = 1024
"""Number of buckets beyond which full ones are looked for and forgotten."""


@dataclass(frozen=True, slots=True)
class Charge:
    """An amount that was taken from a bucket, for `settle`."""

    key: str
    amount: float
    per_minute: float


@dataclass(frozen=True, slots=True)
class Level:
    """The level of a bucket."""

    left: float
    """The amount that can be taken now."""
    full_in_s: float
    """Seconds until it is full."""


class EmptyBucketError(Exception):
    """The bucket does not hold the amount."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(retry_after_s)
        self.retry_after_s = retry_after_s
        """Seconds after which the same amount can be taken, if nothing else is taken meanwhile."""


class TokenBuckets:
    """Holds a bucket for each key that took something lately; every other key's bucket is full."""

    def __init__(self) -> None:
        self._full_at_ns: dict[str, int] = {}
        """The time at which each key's bucket is full again."""
        self._sweep_above = _MAX_KEPT

    def __len__(self) -> int:
        return len(self._full_at_ns)

    def take(self, key: str, amount: float, per_minute: float, now_ns: int) -> Charge:
        """Takes an amount from the key's bucket. Raises `EmptyBucketError`, and then takes nothing.

        A full bucket gives more than a minute's amount, too, and then takes as many minutes to be full again.
        """
        cost_ns = _duration_ns(amount, per_minute)
        missing_ns = self._missing_ns(key, now_ns)
        wait_ns = missing_ns + min(cost_ns, _WINDOW_NS) - _WINDOW_NS
        if wait_ns > 0:
            raise EmptyBucketError(wait_ns / 1e9)
        self._set(key, now_ns + missing_ns + cost_ns, now_ns)
        return Charge(key, amount, per_minute)

    def settle(self, charge: Charge, used: float, now_ns: int) -> None:
        """Corrects a charge to the amount that was really used. A bucket is never more than full."""
        more_ns = _duration_ns(used, charge.per_minute) - _duration_ns(charge.amount, charge.per_minute)
        self._set(charge.key, now_ns + self._missing_ns(charge.key, now_ns) + more_ns, now_ns)

    def level(self, key: str, per_minute: float, now_ns: int) -> Level:
        missing_ns = self._missing_ns(key, now_ns)
        return Level(per_minute * max(0, _WINDOW_NS - missing_ns) / _WINDOW_NS, missing_ns / 1e9)

    def _missing_ns(self, key: str, now_ns: int) -> int:
        """Returns the nanoseconds until the bucket is full."""
        return max(0, self._full_at_ns.get(key, now_ns) - now_ns)

    def _set(self, key: str, full_at_ns: int, now_ns: int) -> None:
        if full_at_ns <= now_ns:
            self._full_at_ns.pop(key, None)
            return
        self._full_at_ns[key] = full_at_ns
        if len(self._full_at_ns) > self._sweep_above:
            self._full_at_ns = {each: at_ns for each, at_ns in self._full_at_ns.items() if at_ns > now_ns}
            self._sweep_above = max(_MAX_KEPT, 2 * len(self._full_at_ns))


def _duration_ns(amount: float, per_minute: float) -> int:
    """Returns the nanoseconds in which the amount flows into the bucket."""
    return math.ceil(amount * _WINDOW_NS / per_minute)
