"""Counts answers while a load runs."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping

from benchmarks.store.load.http import Answer
from benchmarks.store.load.plans import Latencies, Result


class Tally:
    def __init__(self) -> None:
        self.start_s = time.monotonic()
        self.sent = 0
        self.lost = 0
        self.body_bytes = 0
        self._cpu_s = time.process_time()
        self._latencies_s: defaultdict[str, list[float]] = defaultdict(list)
        self._locations: list[str] = []

    @property
    def accepted(self) -> int:
        """Jobs that were accepted."""
        return len(self._locations)

    @property
    def answered(self) -> int:
        return sum(map(len, self._latencies_s.values()))

    def take(self, answer: Answer, latency_s: float) -> None:
        self._latencies_s[answer.status].append(latency_s)
        self.body_bytes += len(answer.body)
        if answer.status == "202":
            self._locations.append(answer.location)

    def result(self, ended: Mapping[str, int] | None = None) -> Result:
        """Returns the result of the load, which ends now."""
        return Result(
            seconds=time.monotonic() - self.start_s,
            answers={status: Latencies.of(seconds) for status, seconds in self._latencies_s.items()},
            lost=self.lost,
            body_bytes=self.body_bytes,
            locations=self._locations,
            ended=ended or {},
            cpu_s=time.process_time() - self._cpu_s,
        )
