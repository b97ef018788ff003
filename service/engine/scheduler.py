"""Decides what the worker does next: which pictures begin, share the next UNet call, are decoded. Policy only.

One order rules: the virtual deadline, fixed at arrival. Pictures that cannot share a call form different keys, and the
key that has had the least of the device has the next turn (start-time fair queueing, Goyal et al., SIGCOMM 1996), so a
picture never waits for another size to finish. It imports neither torch nor asyncio and reads no clock.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable
from typing import Final, Generic

from pipelines.interface import Key, StateT
from service.engine.job import Picture

_DECODE_PATIENCE: Final = 2
"""UNet calls that a finished picture waits at most for company in its decode."""


class Scheduler(Generic[StateT]):
    """Holds every picture of the worker in exactly one of: waiting, denoising, finished (its decode is due)."""

    def __init__(self, *, max_rows: int, max_begun: int, max_decode: int) -> None:
        """`max_rows` (at least 2) bounds a UNet call, `max_decode` the pictures of a decode, `max_begun` the states."""
        self._max_rows = max_rows
        self._max_begun = max_begun
        self._max_decode = max_decode
        self._pictures: dict[str, Picture[StateT]] = {}
        self._waiting: list[Picture[StateT]] = []
        self._denoising: list[Picture[StateT]] = []
        self._finished: list[tuple[int, Picture[StateT]]] = []
        """With the number of calls made when each was finished, oldest first."""
        self._calls = 0
        self._served_s: dict[Key, float] = {}
        """Device time of each key, on a scale that a key joins at `_turn_s`."""
        self._turn_s = 0.0

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def begun(self) -> int:
        return len(self._denoising) + len(self._finished)

    def get(self, picture_id: str) -> Picture[StateT] | None:
        return self._pictures.get(picture_id)

    def add(self, picture: Picture[StateT]) -> None:
        assert picture.id not in self._pictures, "a picture is added once"
        self._pictures[picture.id] = picture
        bisect.insort(self._waiting, picture, key=_deadline)

    def remove(self, picture: Picture[StateT]) -> None:
        """Forget it, wherever it stands."""
        del self._pictures[picture.id]
        if picture in self._waiting:
            self._waiting.remove(picture)
        elif picture in self._denoising:
            self._denoising.remove(picture)
        else:
            self._finished = [entry for entry in self._finished if entry[1] is not picture]

    def choose_begin(self) -> list[Picture[StateT]]:
        """Waiting pictures that the next call of their size would take, as far as states may be held."""
        chosen: list[Picture[StateT]] = []
        full: set[tuple[int, int]] = set()
        for picture in self._waiting:
            if self.begun + len(chosen) >= self._max_begun:
                break
            if picture.size in full:
                continue
            if self._rows_before(picture, chosen) + picture.rows > self._max_rows:
                full.add(picture.size)
            else:
                chosen.append(picture)
        return chosen

    def begin(self, picture: Picture[StateT]) -> None:
        """It holds a state now and demands calls."""
        self._waiting.remove(picture)
        bisect.insort(self._denoising, picture, key=_deadline)

    def choose_call(self) -> list[Picture[StateT]]:
        """Pictures to share the next UNet call, in order of deadline; none where nothing is denoised."""
        if not self._denoising:
            return []
        key = self._next_key()
        chosen: list[Picture[StateT]] = []
        rows = 0
        for picture in self._denoising:
            if picture.demand.key == key and rows + picture.demand.rows <= self._max_rows:
                chosen.append(picture)
                rows += picture.demand.rows
        assert chosen, "a picture demands more rows than a call may have"
        return chosen

    def charge(self, key: Key, seconds: float) -> None:
        """A call of the key's pictures was made, and took so long."""
        self._calls += 1
        self._turn_s = max(self._turn_s, self._served_s.get(key, 0.0))
        self._served_s[key] = self._turn_s + seconds
        self._served_s = {key: served_s for key, served_s in self._served_s.items() if served_s > self._turn_s}

    def finish(self, picture: Picture[StateT]) -> None:
        """Its latents are finished."""
        self._denoising.remove(picture)
        self._finished.append((self._calls, picture))

    def choose_decode(self) -> list[Picture[StateT]]:
        """Finished pictures of one size to decode now; none while waiting for company costs them little."""
        if not self._finished:
            return []
        since, oldest = self._finished[0]
        batch = [picture for _, picture in self._finished if picture.size == oldest.size][: self._max_decode]
        overdue = self._calls - since >= _DECODE_PATIENCE
        return batch if overdue or len(batch) == self._max_decode or not self._denoising else []

    def check_integrity(self) -> None:
        """What holds between any two decisions; raises AssertionError where it does not."""
        held = [*self._waiting, *self._denoising, *(picture for _, picture in self._finished)]
        assert len(held) == len(self._pictures), "every picture stands in one place"
        assert {id(picture) for picture in held} == {id(picture) for picture in self._pictures.values()}
        assert self.begun <= self._max_begun
        assert all(picture.state is None for picture in self._waiting)
        assert all(picture.begun.demand is not None for picture in self._denoising)
        assert all(picture.begun.demand is None for _, picture in self._finished)
        assert _is_sorted(self._waiting), "the order is the deadlines'"
        assert _is_sorted(self._denoising), "the order is the deadlines'"

    def _rows_before(self, picture: Picture[StateT], chosen: Iterable[Picture[StateT]]) -> int:
        """Rows that go before the picture in a call of its size."""
        ahead = (other for other in self._denoising if other.deadline_s <= picture.deadline_s)
        return sum(other.rows for other in (*ahead, *chosen) if other.size == picture.size)

    def _next_key(self) -> Key:
        heads: dict[Key, float] = {}
        for picture in self._denoising:
            heads.setdefault(picture.demand.key, picture.deadline_s)
        return min(heads, key=lambda key: (max(self._served_s.get(key, 0.0), self._turn_s), heads[key]))


def _deadline(picture: Picture[StateT]) -> float:
    return picture.deadline_s


def _is_sorted(pictures: list[Picture[StateT]]) -> bool:
    deadlines = [picture.deadline_s for picture in pictures]
    return deadlines == sorted(deadlines)
