"""A channel between processes that keeps what is announced, and hears what a test says."""

from __future__ import annotations

from service.jobs.watching.channel import Hear


class RecordedChannel:
    """Implements `service.jobs.watching.channel.Channel`."""

    def __init__(self, *, listening: bool = False) -> None:
        self.listening = listening
        self.announced: list[str] = []
        self.waiting = 0
        self.hear: Hear | None = None

    def start(self, hear: Hear) -> None:
        self.hear = hear

    async def stop(self) -> None:
        self.hear = None

    def announce(self, job_id: str) -> None:
        self.announced.append(job_id)

    def announce_waiting(self) -> None:
        self.waiting += 1
