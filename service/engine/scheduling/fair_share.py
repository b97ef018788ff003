"""Who has had how much of the device, so that turns are fair: start-time fair queueing. Knows names and seconds only.

Goyal, Vin and Cheng, "Start-time Fair Queueing", SIGCOMM 1996, section 2: with every name's tag the virtual time at
which its next service starts, and the smallest tag served next, each name gets as much as any other that wants it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Generic, TypeVar

NameT = TypeVar("NameT", bound=Hashable)


class FairShare(Generic[NameT]):
    """A name that was away joins at the present: it gets no arrears."""

    def __init__(self) -> None:
        self._tags_s: dict[NameT, float] = {}
        """Of the names that are ahead of the present."""
        self._now_s = 0.0
        """The virtual time: the smallest tag of those that want the device."""

    def of(self, name: NameT) -> float:
        """The name's tag in seconds; the smallest has the next turn."""
        return max(self._tags_s.get(name, 0.0), self._now_s)

    def charge(self, seconds: Mapping[NameT, float], wanting: Iterable[NameT]) -> None:
        """Some names were served, each for so long, while those that are `wanting` had something to be served."""
        self._now_s = max(self._now_s, min(map(self.of, wanting), default=0.0))
        self._tags_s |= {name: self.of(name) + charged_s for name, charged_s in seconds.items()}
        self._tags_s = {name: tag_s for name, tag_s in self._tags_s.items() if tag_s > self._now_s}
