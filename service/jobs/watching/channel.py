"""The interface by which processes on one store tell each other what they did, so that they need not poll often."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

Hear: TypeAlias = Callable[[Sequence[str], bool], None]
"""Takes the ids of jobs whose records other processes have changed, and whether a job waits to be run."""


class Channel(Protocol):
    """Carries announcements between processes. Nothing depends on them: the store shows all of it too, only later."""

    @property
    def listening(self) -> bool:
        """Whether the announcements of the other processes arrive here now."""

    def start(self, hear: Hear) -> None:
        """Calls `hear` on the running event loop from now on."""

    async def stop(self) -> None:
        """Stops calling `hear`."""

    def announce(self, job_id: str) -> None:
        """Tells the others that the record of a job has changed. Call it after the change is committed."""

    def announce_waiting(self) -> None:
        """Tells the others that a job waits to be run."""


class NoChannel:
    """Implements `Channel` without sending anything: each process polls the store."""

    listening = False

    def start(self, hear: Hear) -> None:
        pass

    async def stop(self) -> None:
        pass

    def announce(self, job_id: str) -> None:
        pass

    def announce_waiting(self) -> None:
        pass
