"""Measures whole lives of jobs a second, from acceptance to success, with a device that takes no time."""

from __future__ import annotations

from benchmarks.store.load.plans import ClosedLoop
from benchmarks.store.parts.stage import Figures, Measured, Stage, job, per, run_load
from benchmarks.store.servers.running import Servers
from benchmarks.store.servers.system_calls import counted_syncs


def measure(stage: Stage) -> Figures:
    with stage.running() as servers:
        measured = run_load(servers, _load(servers, stage))
        return figures(measured) | _syncs(servers, stage)


def figures(measured: Measured) -> Figures:
    result, use = measured
    lives = result.ended.get("succeeded", 0)
    own: Figures = {
        "lives/s": lives / result.seconds,
        "server CPU, ms/life": per(1e3 * use.server_cpu_s, lives),
        "device process CPU, ms/life": per(1e3 * use.device_cpu_s, lives),
    }
    if not use.database_cpu_s:  # A driver sends to a database by other calls.
        own["write calls/life"] = per(use.writes, lives)
    else:
        own["database CPU, ms/life"] = per(1e3 * use.database_cpu_s, lives)
        own["transactions/life"] = per(use.transactions, lives)
    own["accepted and not succeeded"] = result.count("202") - lives
    return own


def _load(servers: Servers, stage: Stage, limit: int | None = None) -> ClosedLoop:
    return ClosedLoop(
        ports=servers.ports,
        request=job(steps=1),
        connections=stage.sizes.connections // 2,
        seconds=stage.sizes.seconds,
        limit=limit,
        window=stage.sizes.window,
        devices=servers.control_files,
        admin_ports=servers.admin_ports,
    )


def _syncs(servers: Servers, stage: Stage) -> Figures:
    """The syncs of a single server, in a short load of its own. Empty where they cannot be counted."""
    if stage.servers > 1:
        return {}
    with counted_syncs(servers.pids[0], stage.folder / "syncs") as counted:
        ended = run_load(servers, _load(servers, stage, stage.sizes.traced_jobs)).result.ended
    if counted.calls is None:
        return {}
    return {"syncs by the server/life": per(counted.calls, ended.get("succeeded", 0))}
