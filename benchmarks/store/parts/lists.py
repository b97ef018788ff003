"""Measures the cost of a page of the job list, with short prompts and with the longest that are accepted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from benchmarks.store.load.http import get
from benchmarks.store.load.plans import ClosedLoop, Result
from benchmarks.store.parts.stage import JOBS, Figures, Stage, fill, job, per, run_load
from benchmarks.store.servers.control import HELD_S
from benchmarks.store.servers.running import Servers

_MAX_CHARS: Final = 4000
"""The simulated model's bound on a prompt."""
_PROMPTS: Final = (100, 30, 10, 3, 1)
"""Prompts of a job, most first: the first number that a server accepts is taken."""
_CALL_S: Final = 60.0
_MIB: Final = 1 << 20


def measure(stage: Stage) -> Figures:
    own: Figures = {}
    for name, requests in (("short prompts", iter([job()])), ("long prompts", _longest_first())):
        with stage.running() as servers:
            servers.set_row_s(HELD_S)
            own |= {f"{name}: {figure}": value for figure, value in _listed(servers, stage, requests).items()}
    return own


def _longest_first() -> Iterator[bytes]:
    return (job(prompt=["x" * _MAX_CHARS] * prompts) for prompts in _PROMPTS)


def _listed(servers: Servers, stage: Stage, requests: Iterator[bytes]) -> Figures:
    sizes = stage.sizes
    request = first_accepted(servers, stage, requests)
    fill(servers, sizes, request, sizes.listed_jobs - 1)
    before_bytes = servers.peak_bytes()
    load = ClosedLoop(
        ports=servers.ports,
        request=get(f"{JOBS}?limit={sizes.listed_jobs}"),
        connections=sizes.list_callers,
        seconds=_CALL_S,
        limit=sizes.list_calls,
    )
    result, use = run_load(servers, load)
    return {
        "body of the job, kB": len(request) / 1e3,
        **figures(result, use.server_cpu_s),
        "peak RSS before, MiB": before_bytes / _MIB,
        "peak RSS after, MiB": servers.peak_bytes() / _MIB,
    }


def first_accepted(servers: Servers, stage: Stage, requests: Iterator[bytes]) -> bytes:
    """Sends jobs until one is accepted. Returns its request. Raises RuntimeError where none is."""
    for request in requests:
        if fill(servers, stage.sizes, request, 1).count("202"):
            return request
    raise RuntimeError("the server accepted none of the jobs")


def figures(result: Result, server_cpu_s: float) -> Figures:
    calls = result.count("200")
    return {
        "server CPU, ms/call": per(1e3 * server_cpu_s, calls),
        "answer, kB": per(result.body_bytes / 1e3, calls),
        "GET p50, ms": 1e3 * result.answers["200"].p50_s,
    }
