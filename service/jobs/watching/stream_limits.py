"""Limits how many clients follow jobs at a time, in all and of each tenant."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from typing import Final

from service.errors import QueueFullError, QuotaExceededError

_RETRY_S: Final = 10.0


class StreamLimits:
    """Counts streams of events, and callers that wait for the end of a job. A stream of several jobs counts once."""

    def __init__(self, max_streams: int, max_streams_per_tenant: int) -> None:
        self._max_streams = max_streams
        self._max_streams_per_tenant = max_streams_per_tenant
        self._open: Counter[str] = Counter()

    @contextlib.contextmanager
    def open(self, tenant: str) -> Iterator[None]:
        """Counts a stream for the length of the block.

        Raises `QuotaExceededError` where the tenant has too many, and `QueueFullError` where all tenants together have.
        """
        if self._open[tenant] >= self._max_streams_per_tenant:
            raise QuotaExceededError("You are following too many jobs. Try again later.", retry_after_s=_RETRY_S)
        if self._open.total() >= self._max_streams:
            raise QueueFullError("Too many clients are following jobs. Try again later.", retry_after_s=_RETRY_S)
        self._open[tenant] += 1
        try:
            yield
        finally:
            self._open[tenant] -= 1
            if not self._open[tenant]:
                del self._open[tenant]
