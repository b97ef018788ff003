"""The line of callers whose job has no room yet, and the order in which they get it.

Runs in the server's process. `admission` says when there is room. Tenants take turns by the seconds of work with which
they are admitted from the line, and by their weights; within a tenant, the first comes first. Only a tenant that has
nothing in the queue waits for no room, and passes the line: otherwise the first job of a tenant with little work would
wait for those of a busy one.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, Protocol, TypeVar

from service.engine.config import EngineConfig
from service.engine.frontend.admission import Admission, WorkAhead
from service.engine.scheduling.fair_share import FairShare
from service.errors import DarkroomError, DeadlineExceededError


class _Cancelable(Protocol):
    def cancel(self) -> None: ...


JobT = TypeVar("JobT", bound=_Cancelable)

_TENANT_SHARE: Final = 0.75
"""Part of the places that one tenant may hold, so that others find one."""


@dataclass(slots=True, eq=False)
class _Caller(Generic[JobT]):
    tenant: str
    prices_s: Sequence[float]
    admit: Callable[[], JobT]
    number: int
    """Callers are numbered in the order in which they come."""
    job: JobT | None = None
    error: DarkroomError | None = None
    called: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once there is a job or an error."""

    @property
    def price_s(self) -> float:
        return sum(self.prices_s)


class WaitingLine(Generic[JobT]):
    """Admits jobs at once or in turn. All methods belong to one event loop."""

    def __init__(self, config: EngineConfig, admission: Admission) -> None:
        self._config = config
        self._admission = admission
        self._callers: dict[str, dict[_Caller[JobT], None]] = {}
        """Those in line, by tenant, in the order in which they came. Tenants without callers are not in it."""
        self._shares = FairShare(config.worker.shares)
        self._numbers = itertools.count()

    def __len__(self) -> int:
        return sum(map(len, self._callers.values()))

    def admit_now(self, tenant: str, prices_s: Sequence[float], admit: Callable[[], JobT]) -> JobT:
        """Returns what `admit` returns. Raises `QuotaExceededError`, and `QueueFullError` where it is full."""
        self._admission.check_quota(tenant, self._waiting_s(tenant))
        if not self._may_enter(tenant):
            raise self._admission.refusal(self._ahead(self._caller(tenant, prices_s, admit)))
        return self._admit(tenant, prices_s, admit)

    async def admit_in_turn(
        self, tenant: str, prices_s: Sequence[float], admit: Callable[[], JobT], deadline_s: float | None = None
    ) -> JobT:
        """Returns what `admit` returns, once there is room and it is the caller's turn.

        Raises `QuotaExceededError`; `QueueFullError` at once where no place is free or the turn would come too late,
        and after the time limit; `DeadlineExceededError` where the images cannot be finished `deadline_s` seconds after
        the call; and the error with which the line is closed. A caller that is canceled leaves the line.
        """
        self._admission.check_quota(tenant, self._waiting_s(tenant))
        if self._may_enter(tenant):
            return self._admit(tenant, prices_s, admit)
        caller = self._caller(tenant, prices_s, admit)
        self._enter(caller)
        left_s = math.inf if deadline_s is None else max(deadline_s - max(prices_s), 0.0)
        try:
            await _wait(caller, min(self._config.max_wait_in_line_s, left_s))
        finally:
            self._leave(caller)
        if caller.error is not None:
            raise caller.error
        if caller.job is not None:
            return caller.job
        if left_s <= self._config.max_wait_in_line_s:
            raise DeadlineExceededError("The images could not be begun in time for their deadline.")
        raise self._admission.refusal(self._ahead(caller))

    def advance(self) -> None:
        """Admits those whose turn it is. Call it whenever there may be room."""
        while (caller := self._next()) is not None:
            self._charge(caller.tenant, caller.prices_s)
            self._leave(caller)
            caller.job = caller.admit()
            caller.called.set()

    def refuse_all(self, error: DarkroomError) -> None:
        """Ends the wait of all callers with this error."""
        for caller in itertools.chain.from_iterable(self._callers.values()):
            caller.error = error
            caller.called.set()
        self._callers.clear()

    def _may_enter(self, tenant: str) -> bool:
        """Whether a tenant's job may enter the queue without a wait in line."""
        if self._callers or not self._admission.has_room:
            return tenant not in self._callers and self._admission.has_own_room(tenant)
        return True

    def _admit(self, tenant: str, prices_s: Sequence[float], admit: Callable[[], JobT]) -> JobT:
        """Returns what `admit` returns. Charges the tenant for its turn where others wait for theirs."""
        if self._callers:
            self._charge(tenant, prices_s)
        return admit()

    def _charge(self, tenant: str, prices_s: Sequence[float]) -> None:
        self._shares.charge({tenant: sum(prices_s)}, {*self._callers, tenant})

    def _next(self) -> _Caller[JobT] | None:
        """Returns the caller that is admitted now; None while all have to wait."""
        if not self._callers:
            return None
        first = [next(iter(own)) for own in self._callers.values()]
        if not self._admission.has_room:
            first = [caller for caller in first if self._admission.has_own_room(caller.tenant)]
        return min(first, key=self._first_turn, default=None)

    def _caller(self, tenant: str, prices_s: Sequence[float], admit: Callable[[], JobT]) -> _Caller[JobT]:
        return _Caller(tenant, prices_s, admit, next(self._numbers))

    def _enter(self, caller: _Caller[JobT]) -> None:
        """Gives the caller the last place. Raises `QueueFullError`."""
        places = self._config.max_callers_in_line
        own = len(self._callers.get(caller.tenant, ()))
        ahead = self._ahead(caller)
        is_full = len(self) >= places or own >= math.ceil(_TENANT_SHARE * places)
        if is_full or self._admission.wait_s(ahead) > self._config.max_wait_in_line_s:
            raise self._admission.refusal(ahead)
        self._callers.setdefault(caller.tenant, {})[caller] = None

    def _leave(self, caller: _Caller[JobT]) -> None:
        own = self._callers.get(caller.tenant, {})
        own.pop(caller, None)
        if not own:
            self._callers.pop(caller.tenant, None)

    def _waiting_s(self, tenant: str) -> float:
        return sum(caller.price_s for caller in self._callers.get(tenant, ()))

    def _first_turn(self, caller: _Caller[JobT]) -> tuple[float, int]:
        """Returns when the first caller of a tenant is admitted. The smallest turn is next."""
        return self._shares.start_tag_s(caller.tenant), caller.number

    def _ahead(self, caller: _Caller[JobT]) -> WorkAhead:
        """Returns the jobs that are admitted before the caller's, who may have no place yet, if nobody joins or leaves
        the line."""
        own = [other for other in self._callers.get(caller.tenant, ()) if other.number < caller.number]
        tag_s = self._shares.start_tag_s(caller.tenant)
        turn = (tag_s + self._shares.virtual_s(caller.tenant, sum(other.price_s for other in own)), caller.number)
        before = own + [
            other for tenant in self._callers if tenant != caller.tenant for other in self._before(turn, tenant)
        ]
        return WorkAhead(
            len(before), sum(len(other.prices_s) for other in before), sum(other.price_s for other in before)
        )

    def _before(self, turn: tuple[float, int], tenant: str) -> Iterator[_Caller[JobT]]:
        """Yields the tenant's callers that are admitted before this turn."""
        tag_s = self._shares.start_tag_s(tenant)
        for caller in self._callers[tenant]:
            if (tag_s, caller.number) > turn:
                return
            yield caller
            tag_s += self._shares.virtual_s(tenant, caller.price_s)


async def _wait(caller: _Caller[JobT], limit_s: float) -> None:
    """Waits until the caller is called, at most this long. A caller that is canceled meanwhile has no job."""
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await caller.called.wait()
    except asyncio.CancelledError:
        if caller.job is not None:
            caller.job.cancel()
        raise
