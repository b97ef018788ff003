"""Measures whether a deep queue slows down accepting, claiming and finishing jobs."""

from __future__ import annotations

import time
from typing import Final

from benchmarks.store.load.plans import ClosedLoop
from benchmarks.store.parts.stage import Figures, Stage, fill, job, per, run_load
from benchmarks.store.servers.control import HELD_S
from benchmarks.store.servers.running import Servers

_CLAIMED: Final = 40
"""More jobs than a server claims ahead."""
_LOOK_S: Final = 0.005


def measure(stage: Stage) -> Figures:
    none, _ = _at(stage, 0)
    deep, queued = _at(stage, stage.sizes.depth)
    return {
        **{f"{name}, none queued": value for name, value in none.items()},
        **{f"{name}, many queued": value for name, value in deep.items()},
        **{f"{name}, many as a share of none": per(deep[name], none[name]) for name in none if name.endswith("/s")},
        "many, jobs": queued,
    }


def _at(stage: Stage, depth: int) -> tuple[Figures, int]:
    """Returns the figures at that depth, and the number of jobs that really waited."""
    with stage.running() as servers:
        servers.set_row_s(HELD_S)
        queued = fill(servers, stage.sizes, job(steps=1), depth).count("202") if depth else 0
        load = ClosedLoop(
            ports=servers.ports,
            request=job(steps=1),
            connections=stage.sizes.connections,
            seconds=stage.sizes.fill_s,
            limit=stage.sizes.sampled_jobs,
        )
        result, use = run_load(servers, load)
        accepted = result.count("202")
        own = {
            "accepted, jobs/s": accepted / result.seconds,
            "server CPU, ms/accepted job": per(1e3 * use.server_cpu_s, accepted),
            **_finished(servers, min(stage.sizes.sampled_jobs, accepted + queued), stage.sizes.fill_s),
        }
        return own, queued


def _finished(servers: Servers, jobs: int, limit_s: float) -> Figures:
    """Releases the device. Returns how fast so many jobs are claimed and finished, but for the first ones: those were
    claimed while the device was held."""
    claimed = min(_CLAIMED, jobs // 2)
    until_s = time.monotonic() + limit_s
    made_before = servers.images()
    servers.set_row_s(0.0)
    _wait_for_images(servers, made_before + claimed, until_s)
    before = servers.use()
    _wait_for_images(servers, made_before + jobs, until_s)
    use = servers.use().since(before)
    return {
        "finished, jobs/s": use.images / use.at_s,
        "server CPU, ms/finished job": per(1e3 * use.server_cpu_s, use.images),
    }


def _wait_for_images(servers: Servers, images: int, until_s: float) -> None:
    while servers.images() < images and time.monotonic() < until_s:
        time.sleep(_LOOK_S)
