"""Measures a server under many times the load that its device can do: goodput, health checks, refusals, memory."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Mapping
from typing import Final

from benchmarks.store.load.generate import Generator
from benchmarks.store.load.plans import OpenLoop, Probes, Result
from benchmarks.store.parts.stage import ROWS_AN_IMAGE, Figures, Stage, fill, job, per, use_over
from benchmarks.store.servers.running import Servers, Use

_PROBES_A_SECOND: Final = 2.0
_LATE_S: Final = 1.0
_CONNECTIONS: Final = 1000
"""More than a server takes by default: callers do not know of each other."""
_GRACE_S: Final = 10.0
_MIB: Final = 1 << 20


def measure(stage: Stage) -> Figures:
    """Measures a queue that has room for everything, and one that is full from the beginning."""
    room = math.ceil(stage.sizes.rate * (stage.sizes.seconds + stage.sizes.settle_s)) + 50
    queues = {"all accepted": {}, "queue full": {"DARKROOM_MAX_QUEUED_JOBS": str(room)}}
    return {
        f"{queue}, {name}": value
        for queue, settings in queues.items()
        for name, value in _with_queue(stage, settings, room).items()
    }


def _with_queue(stage: Stage, settings: Mapping[str, str], jobs: int) -> Figures:
    """Measures all rates. `jobs` are as many as the device needs while its unloaded rate is measured, and some more."""
    sizes = stage.sizes
    with stage.running(settings) as servers:
        servers.set_row_s(stage.row_s())
        fill(servers, sizes, job(), jobs)
        time.sleep(min(1.0, sizes.settle_s))
        unloaded = _rate(use_over(servers, sizes.seconds))
        own: Figures = {"unloaded: device, images/s": unloaded}
        for rate in sizes.overload_rates:
            found = _at_rate(servers, stage, rate)
            found["device's goodput, share of unloaded"] = per(found["device, images/s"], unloaded)
            own |= {f"{rate:g}/s: {name}": value for name, value in found.items()}
        return own


def _at_rate(servers: Servers, stage: Stage, rate: float) -> Figures:
    seconds, port = stage.sizes.seconds, servers.ports[0]
    load = OpenLoop(port=port, request=job(), rate=rate, seconds=seconds, connections=_CONNECTIONS, grace_s=_GRACE_S)
    checks = Probes(port=port, paths=["/livez", "/readyz"], rate=_PROBES_A_SECOND, seconds=seconds, late_s=_LATE_S)
    with contextlib.ExitStack() as stack:
        generator, prober = (stack.enter_context(Generator(each)) for each in (load, checks))
        generator.start()
        prober.start()
        use = use_over(servers, seconds)  # Without the time after the last request, which is no overload.
        return figures(generator.result(), prober.result(), use) | {"peak RSS, MiB": servers.peak_bytes() / _MIB}


def figures(result: Result, probes: Result, use: Use) -> Figures:
    own: Figures = {
        "device, images/s": _rate(use),
        "health checks failed or later than 1 s": probes.lost + probes.others_than("200"),
        "health checks": probes.lost + sum(each.count for each in probes.answers.values()),
        "server CPU, cores": use.server_cpu_s / use.at_s,
        "generator CPU, cores": result.cpu_s / result.seconds,
    }
    for status, each in result.answers.items():
        own[f"{status}, requests"] = each.count
        own[f"{status} p50, ms"] = 1e3 * each.p50_s
        own[f"{status} p99, ms"] = 1e3 * each.p99_s
    own["requests without an answer"] = result.lost
    return own


def _rate(use: Use) -> float:
    """Images a second, counted by their rows, because images are finished in batches."""
    return use.rows / ROWS_AN_IMAGE / use.at_s
