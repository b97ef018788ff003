"""The loads and their results, as they cross between the benchmark and a generator's process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import msgspec

from benchmarks.metrics import percentile


class ClosedLoop(msgspec.Struct, tag=True, frozen=True, kw_only=True):
    """Each connection sends its next request when the one before is answered."""

    ports: list[int]
    """The servers, which take the connections in turn."""
    request: bytes
    connections: int
    seconds: float
    """No request is sent after so long."""
    limit: int | None = None
    """Upper bound on the requests."""
    window: int | None = None
    """Upper bound on the jobs whose image is not made yet. The load then lasts until all jobs have ended."""
    devices: list[str] = []
    """The control files of the devices, which say how many images are made."""
    admin_ports: list[int] = []
    """The servers' second listeners, which say how many jobs have ended."""


class OpenLoop(msgspec.Struct, tag=True, frozen=True, kw_only=True):
    """Requests are sent at a rate, however late the answers are. A latency counts from the request's due time."""

    port: int
    request: bytes
    rate: float
    """Requests a second."""
    seconds: float
    connections: int
    """Upper bound on the connections. A request that finds none free waits for one, and its latency includes that."""
    grace_s: float
    """Seconds for which answers are waited for after the last request."""


class Probes(msgspec.Struct, tag=True, frozen=True, kw_only=True):
    """Health checks as an orchestrator makes them: each on a connection of its own."""

    port: int
    paths: list[str]
    rate: float
    """Checks a second of each path."""
    seconds: float
    late_s: float
    """A check without an answer after so long has failed."""


class Followers(msgspec.Struct, tag=True, frozen=True, kw_only=True):
    """Readers of event streams, which are opened at once and then read."""

    port: int
    paths: list[str]
    seconds: float


Load: TypeAlias = ClosedLoop | OpenLoop | Probes | Followers


class Latencies(msgspec.Struct, frozen=True):
    """The answers of one kind. Percentiles are in seconds."""

    count: int
    p50_s: float
    p99_s: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Latencies:
        """Summarizes latencies. `seconds` holds at least one."""
        return cls(len(seconds), percentile(seconds, 0.5), percentile(seconds, 0.99))


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of a load: its answers and their latencies."""

    seconds: float
    """From the first request to the end of the load."""
    answers: Mapping[str, Latencies]
    """The latencies of the answers, by status."""
    lost: int
    """Requests without an answer: refused connections, and those that ended or were given up."""
    body_bytes: int
    """Bytes of the answers' bodies."""
    locations: list[str]
    """The paths of the jobs that were accepted."""
    ended: Mapping[str, int]
    """Jobs that ended meanwhile, by outcome, where the load waits for that."""
    cpu_s: float
    """CPU seconds of the generator's process."""

    def count(self, status: str) -> int:
        return self.answers[status].count if status in self.answers else 0

    def others_than(self, *statuses: str) -> int:
        """Returns the number of answers with another status."""
        return sum(each.count for status, each in self.answers.items() if status not in statuses)
