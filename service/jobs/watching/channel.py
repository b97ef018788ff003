"""How the processes on one store tell each other what they did, so that they need not look all the time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

Hear: TypeAlias = Callable[[Sequence[str], bool], None]
"""Takes the ids of jobs whose records other processes have changed, and whether a job waits to be run."""


class Channel(Protocol):
    """Nothing depends on what is sent through it: all of it can be seen in the store, too, only later."""

    @property
    def listening(self) -> bool:
        """Whether what the other processes announce arrives here now."""

    def start(self, hear: Hear) -> None:
        """Calls `hear` on the running event loop from now on."""

    async def stop(self) -> None:
        """Calls `hear` no more."""

    def announce(self, job_id: str) -> None:
        """Tells the others that the record of a job has changed. Call it after the change is committed."""

    def announce_waiting(self) -> None:
        """Tells the others that a job waits to be run."""


class NoChannel:
    """Tells and hears nothing: each process looks for itself what the others do."""

    listening = False

    def start(self, hear: Hear) -> None:
        pass

    async def stop(self) -> None:
        pass

    def announce(self, job_id: str) -> None:
        pass

    def announce_waiting(self) -> None:
        pass
