"""Tells the time of the store: the database's where several hosts may share it, the host's on SQLite.

The wall clock of a host can be wrong and can jump. Two servers must agree on when a lease ends all the same, or one
takes the other's jobs. On PostgreSQL every server goes by the database's clock, which it asks now and then and carries
forward with a clock that never jumps. A SQLite file belongs to one host: leases there go by the time since its boot,
and only the times that people see go by its wall clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from sqlalchemy import Connection, text

_ASK: Final = text("SELECT extract(epoch FROM clock_timestamp())")
_LONGEST_ANSWER_S: Final = 1.0
"""An answer that took longer tells the time too inexactly."""


def since_boot() -> float:
    """Returns the seconds since the host was booted, whatever its wall clock says and however long it slept."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class StoreClock:
    """Tells the Unix time and the time of leases. Any thread may ask."""

    def __init__(
        self,
        *,
        shared: bool,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = since_boot,
    ) -> None:
        """`shared` makes it follow the database's clock, from the first `learn` on."""
        self._wall = wall
        self._steady = steady
        self._shared = shared
        self._ahead_s: float | None = None
        """Difference between the database's clock and the steady one."""

    def now(self) -> float:
        """Returns Unix seconds."""
        return self._wall() if self._ahead_s is None else self._steady() + self._ahead_s

    def lease_now(self) -> float:
        """Returns the seconds by which leases are measured, from a beginning that all servers of the store share."""
        return self.now() if self._shared else self._steady()

    def learn(self, connection: Connection) -> None:
        """Asks the database for the time, if several hosts may share it."""
        if not self._shared:
            return
        asked = self._steady()
        told = float(connection.execute(_ASK).scalar_one())
        answered = self._steady()
        if answered - asked < _LONGEST_ANSWER_S:
            self._ahead_s = told - (asked + answered) / 2
