"""Keeps the work of a caller that gave up waiting, so that the same request, sent again, finds it.

A client that times out closes its connection and tries again. Where the images take longer than its timeout, work that
began anew with each try would never be finished. Knows no dialect.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
from collections.abc import Coroutine, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from fastapi import Request
from fastapi.responses import Response

from service.api.client_timeouts import declared_timeout_s

_KEEP_S: Final = 60.0
"""Time in which the request must be sent again. The official clients wait eight seconds at most between their tries."""
_MAX_ABANDONED: Final = 16
"""Work without a caller that is kept at a time."""
_TIMED_OUT: Final = 0.9
"""Share of its timeout after which a client that hangs up has timed out. Earlier, somebody has stopped it."""


class RetryKey(NamedTuple):
    """The names under which a request's work is found, by this request and by the one that repeats it."""

    earlier: Hashable
    """The name under which the request finds work that an earlier one began."""
    later: Hashable
    """The name under which the request that repeats this one looks for it."""
    abandoned_s: float
    """Seconds after which a caller that leaves is expected again; one that leaves sooner is not."""


def retry_key(request: Request, tenant: str, body: Mapping[str, Any]) -> RetryKey | None:
    """Returns the key of a request that says, by an `Idempotency-Key` or as OpenAI's clients do, which try it is.

    Returns None for any other request: its repetition could not be told from an equal request of another caller.
    """
    wish = [request.scope["path"], body, request.headers.get("accept")]
    digest = hashlib.sha256(json.dumps(wish, sort_keys=True).encode()).digest()
    chosen, tries = request.headers.get("idempotency-key"), request.headers.get("x-stainless-retry-count", "")
    timeout_s = declared_timeout_s(request.headers)
    if chosen:
        return RetryKey((tenant, digest, chosen), (tenant, digest, chosen), 0.0)
    if timeout_s is None or not (tries.isascii() and tries.isdecimal() and len(tries) < 4):
        return None
    return RetryKey((tenant, digest, int(tries)), (tenant, digest, int(tries) + 1), _TIMED_OUT * timeout_s)


@dataclass(slots=True, eq=False)
class Work:
    """The task that makes one answer, for one caller after another."""

    answer: asyncio.Task[Response]
    keys: set[Hashable] = field(default_factory=set)
    callers: int = 0


class RetriedRequests:
    """Keeps work so that a repeated request finds it. All methods belong to one event loop."""

    def __init__(self, keep_s: float = _KEEP_S) -> None:
        """`keep_s` is the time for which work without a caller is kept."""
        self._keep_s = keep_s
        self._work: dict[Hashable, Work] = {}

    def find(self, key: RetryKey | None) -> Work | None:
        """Returns the work that an earlier try of the request began, if it is still there."""
        work = None if key is None else self._work.get(key.earlier)
        if work is not None and key is not None:
            self._name(work, key)
        return work

    def begin(self, key: RetryKey | None, answer: Coroutine[Any, Any, Response]) -> Work:
        """Begins to make an answer. Whoever calls this must call `result` at once."""
        work = Work(asyncio.create_task(answer))
        if key is not None:
            self._name(work, key)
        return work

    async def result(self, key: RetryKey | None, work: Work) -> Response:
        """Returns the answer, or raises what making it raised.

        Where this is canceled, the caller has hung up: the work is canceled too, unless others wait for it or the
        caller is to be expected again.
        """
        loop = asyncio.get_running_loop()
        since_s = loop.time()
        work.callers += 1
        try:
            return await asyncio.shield(work.answer)
        finally:
            work.callers -= 1
            waited_s = loop.time() - since_s
            comes_again = waited_s >= (math.inf if key is None else key.abandoned_s)
            if work.answer.done() or not comes_again or self._abandoned >= _MAX_ABANDONED:
                self._end(work)
            else:
                loop.call_later(self._keep_s, self._end, work)

    @property
    def _abandoned(self) -> int:
        """The number of works without a caller, not counting the one that is being left."""
        return len({id(work) for work in self._work.values() if not work.callers}) - 1

    def _name(self, work: Work, key: RetryKey) -> None:
        work.keys.add(key.later)
        self._work[key.later] = work

    def _end(self, work: Work) -> None:
        """Cancels and forgets the work, unless it has a caller."""
        if work.callers:
            return
        work.answer.cancel()
        for key in work.keys:
            if self._work.get(key) is work:
                del self._work[key]
