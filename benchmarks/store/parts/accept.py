"""Measures the jobs a second that are accepted, in a closed loop, while the device makes images, and their cost."""

from __future__ import annotations

from benchmarks.store.load.plans import ClosedLoop
from benchmarks.store.parts.stage import Figures, Measured, Stage, job, per, run_load


def measure(stage: Stage) -> Figures:
    with stage.running() as servers:
        servers.set_row_s(stage.row_s())
        load = ClosedLoop(
            ports=servers.ports,
            request=job(),
            connections=stage.sizes.connections,
            seconds=stage.sizes.seconds,
        )
        return figures(run_load(servers, load))


def figures(measured: Measured) -> Figures:
    result, use = measured
    accepted = result.count("202")
    own: Figures = {
        "accepted, jobs/s": accepted / result.seconds,
        "server CPU, ms/job": per(1e3 * use.server_cpu_s, accepted),
        "server CPU, cores": use.server_cpu_s / use.at_s,
    }
    if use.database_cpu_s:
        own["database CPU, ms/job"] = per(1e3 * use.database_cpu_s, accepted)
    if accepted:
        own["POST p50, ms"] = 1e3 * result.answers["202"].p50_s
        own["POST p99, ms"] = 1e3 * result.answers["202"].p99_s
    own["generator CPU, ms/job"] = per(1e3 * result.cpu_s, accepted)
    own["refused or lost"] = result.lost + result.others_than("202")
    return own
