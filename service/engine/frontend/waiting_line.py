"""Lets callers whose job has no room yet wait in line, and admits them in turn.

Runs in the server's process. `admission` decides when there is room. Tenants take turns by the seconds of work with
which they are admitted from the line, and by their weights; within a tenant the first comes first. Nobody jumps the
line.
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
from service.engine.frontend.admission import Admission
from service.engine.scheduling.fair_share import FairShare
from service.errors import DarkroomError, DeadlineExceededError


class _Cancelable(Protocol):
    def cancel(self) -> None: ...


JobT = TypeVar("JobT", bound=_Cancelable)

_TENANT_SHARE: Final = 0.75
"""Share of the places that one tenant may hold, so that others find one."""


@dataclass(slots=True, eq=False)
class _Caller(Generic[JobT]):
    tenant: str
    prices_s: Sequence[float]
    admit: Callable[[], JobT]
    job: JobT | None = None
    error: DarkroomError | None = None
    called: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once there is a job or an error."""


class WaitingLine(Generic[JobT]):
    """Admits jobs at once or in turn. All methods belong to one event loop."""

    def __init__(self, config: EngineConfig, admission: Admission) -> None:
        self._config = config
        self._admission = admission
        self._callers: list[_Caller[JobT]] = []
        """Callers in order of arrival."""
        self._shares = FairShare(config.worker.shares)

    def __len__(self) -> int:
        return len(self._callers)

    def admit_now(self, tenant: str, prices_s: Sequence[float], admit: Callable[[], JobT]) -> JobT:
        """Returns what `admit` returns. Raises `QuotaExceededError`, and `QueueFullError` where there is no room."""
        self._admission.check_quota(tenant, self._waiting_s(tenant))
        if self._callers or not self._admission.has_room:
            raise self._admission.refusal(self._ahead(_Caller(tenant, prices_s, admit)))
        return admit()

    async def admit_in_turn(
        self, tenant: str, prices_s: Sequence[float], admit: Callable[[], JobT], deadline_s: float | None = None
    ) -> JobT:
        """Returns what `admit` returns, once there is room and it is the caller's turn.

        Raises `QuotaExceededError`; `QueueFullError` at once where no place is free or the turn would come too late,
        and after the time limit; `DeadlineExceededError` where the images cannot be finished `deadline_s` seconds after
        the call; and the error with which the line is closed. A caller that is canceled leaves the line.
        """
        self._admission.check_quota(tenant, self._waiting_s(tenant))
        if not self._callers and self._admission.has_room:
            return admit()
        caller = _Caller(tenant, prices_s, admit)
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
        """Admits the callers whose turn it is. Call it whenever there may be room."""
        while self._callers and self._admission.has_room:
            caller = next(_in_turn(self._callers, self._shares))
            self._shares.charge({caller.tenant: sum(caller.prices_s)}, {each.tenant for each in self._callers})
            self._callers.remove(caller)
            caller.job = caller.admit()
            caller.called.set()

    def refuse_all(self, error: DarkroomError) -> None:
        """Ends the wait of all callers with this error."""
        for caller in self._callers:
            caller.error = error
            caller.called.set()
        self._callers.clear()

    def _enter(self, caller: _Caller[JobT]) -> None:
        """Gives the caller the last place. Raises `QueueFullError`."""
        places = self._config.max_callers_in_line
        own = sum(other.tenant == caller.tenant for other in self._callers)
        ahead = self._ahead(caller)
        is_full = len(self._callers) >= places or own >= math.ceil(_TENANT_SHARE * places)
        if is_full or self._admission.wait_s(ahead) > self._config.max_wait_in_line_s:
            raise self._admission.refusal(ahead)
        self._callers.append(caller)

    def _leave(self, caller: _Caller[JobT]) -> None:
        if caller in self._callers:
            self._callers.remove(caller)

    def _waiting_s(self, tenant: str) -> float:
        return sum(sum(caller.prices_s) for caller in self._callers if caller.tenant == tenant)

    def _ahead(self, caller: _Caller[JobT]) -> list[Sequence[float]]:
        """Returns the prices of the images of each job in line that is admitted before this caller's."""
        line = self._callers if caller in self._callers else [*self._callers, caller]
        before = itertools.takewhile(lambda other: other is not caller, _in_turn(line, self._shares))
        return [other.prices_s for other in before]


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


def _in_turn(callers: Sequence[_Caller[JobT]], shares: FairShare) -> Iterator[_Caller[JobT]]:
    """Yields the callers in the order in which they are admitted, if nobody joins or leaves the line."""
    waiting = list(callers)
    tags_s = {caller.tenant: shares.start_tag_s(caller.tenant) for caller in waiting}
    while waiting:
        caller = min(waiting, key=lambda each: tags_s[each.tenant])
        waiting.remove(caller)
        tags_s[caller.tenant] += shares.virtual_s(caller.tenant, sum(caller.prices_s))
        yield caller
