"""What was admitted and has not ended: which images the worker has, which it gets next, what its death means.

A worker that dies takes no image with it: all are made again, from the first step. Those that were in work are
suspects. Suspects are sent one at a time, with nothing beside, so that an image that kills its worker again is alone
in doing so; an image that was in work in two deaths is poison.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from service.engine.frontend.local_job import LocalJob
from service.engine.messages import Submit
from service.errors import DarkroomError

_DEATHS_OF_POISON: Final = 2


@dataclass(slots=True, eq=False)
class InFlightJob:
    """An admitted job, until its last image has ended."""

    job: LocalJob
    open_images: int
    error: DarkroomError | None = None
    """Of the first image that failed."""


@dataclass(slots=True, eq=False)
class InFlightImage:
    """An admitted image, until it has ended."""

    work: InFlightJob
    index: int
    submit: Submit
    price_s: float
    """Device seconds that it was judged to cost when it was admitted."""
    admitted_s: float
    """By the facade's clock."""
    sent: bool = False
    """Whether the worker has it."""
    started: bool = False
    """Whether the worker has begun it."""
    announced: bool = False
    """Whether the caller was told that it has begun, by this worker or an earlier one."""
    previews: int = 0
    """How many the caller got."""
    deaths: int = 0
    """Workers that died while they had it in work."""
    closed: bool = False

    def submitted(self, now_s: float) -> Submit:
        """What the worker is told of it now."""
        return msgspec.structs.replace(self.submit, waited_s=now_s - self.admitted_s)


class InFlightWork:
    """All tickets, in order of admission."""

    def __init__(self) -> None:
        self._tickets: dict[str, InFlightImage] = {}

    def __len__(self) -> int:
        return len(self._tickets)

    def __iter__(self) -> Iterator[InFlightImage]:
        """A copy: tickets may be closed on the way."""
        return iter(list(self._tickets.values()))

    def get(self, image_id: str) -> InFlightImage | None:
        return self._tickets.get(image_id)

    def of(self, job: LocalJob) -> list[InFlightImage]:
        return [ticket for ticket in self if ticket.work.job is job]

    def open(self, job: LocalJob, submits: Sequence[Submit], prices_s: Sequence[float], *, now_s: float) -> None:
        work = InFlightJob(job, open_images=len(submits))
        for index, (submit, price_s) in enumerate(zip(submits, prices_s, strict=True)):
            self._tickets[submit.image_id] = InFlightImage(work, index, submit, price_s, now_s)

    def close(self, ticket: InFlightImage) -> bool:
        """The image has ended, in whatever way; whether that was its job's last. Once closed it stays so."""
        if ticket.closed:
            return False
        ticket.closed = True
        del self._tickets[ticket.submit.image_id]
        ticket.work.open_images -= 1
        return ticket.work.open_images == 0

    def take_unsent(self) -> list[InFlightImage]:
        """What the worker gets now; it counts as sent."""
        unsent = [ticket for ticket in self._tickets.values() if not ticket.sent]
        if any(ticket.deaths for ticket in self._tickets.values()):
            nothing_beside = len(unsent) == len(self._tickets)
            unsent = [ticket for ticket in unsent if ticket.deaths][:1] if nothing_beside else []
        for ticket in unsent:
            ticket.sent = True
        return unsent

    def worker_died(self) -> list[InFlightImage]:
        """Nothing is sent any more. Gives the tickets of poison, still open."""
        sent = [ticket for ticket in self._tickets.values() if ticket.sent]
        # The worker says that an image starts before it works on it, but may die before the message is out.
        suspects = [ticket for ticket in sent if ticket.started] or sent
        for ticket in suspects:
            ticket.deaths += 1
        for ticket in sent:
            ticket.sent = ticket.started = False
        return [ticket for ticket in suspects if ticket.deaths >= _DEATHS_OF_POISON]
