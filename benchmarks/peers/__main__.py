"""Darkroom against what people use instead, in one run on one machine.

    python -m benchmarks.peers [--smoke] [--only NAME ...] [--output FOLDER]

Composition only. benchmarks/peers/setup.sh makes the other servers' environments first; the method is described in
docs/performance.md. Two idle cores take about 24 minutes.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import io
import json
import os
import platform
import subprocess
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from PIL import Image

from benchmarks.load.apis import APIS
from benchmarks.load.http import HttpTarget, connect
from benchmarks.peers.campaign import FULL, SMOKE, Campaign, Plan, Target
from benchmarks.peers.http_cost import added_seconds, engine_serving
from benchmarks.peers.launch import launched
from benchmarks.peers.records import Record, TargetRecord
from benchmarks.peers.reference import Reference
from benchmarks.peers.report import charts, markdown
from benchmarks.peers.servers import ENVIRONMENTS, ROOT, SERVERS, Place, Server, environment
from benchmarks.workload import Job
from pipelines.checkpoints.loader import bundled_model_path

_EXPECTED_START_S = 20.0
_HTTP_JOB_SEED = 7

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@dataclass(frozen=True, slots=True)
class Machine:
    """What every target is given alike."""

    model: Path
    threads: int
    timeout_s: float
    """For a start, and for one answer."""
    output: Path


class LaunchedTarget:
    """Implements `campaign.Target`."""

    def __init__(self, http: HttpTarget, start_s: float) -> None:
        self._http = http
        self.start_s = start_s

    async def send(self, job: Job) -> bytes:
        return await self._http.send(job)


@app.command()
def main(
    smoke: Annotated[bool, typer.Option("--smoke", help="A few jobs each: does everything work?")] = False,
    only: Annotated[list[str] | None, typer.Option(help="Measure this server alone; may be repeated.")] = None,
    model: Annotated[Path | None, typer.Option(help="A model folder; the bundled one if not given.")] = None,
    threads: Annotated[int | None, typer.Option(help="Threads of a tensor operation; all cores if not given.")] = None,
    rounds: Annotated[int | None, typer.Option(help="Rounds through all servers.")] = None,
    probe_s: Annotated[float | None, typer.Option(help="Seconds of arrivals at each rate of the sweep.")] = None,
    timeout_s: Annotated[float, typer.Option(help="Bound on one start and on one answer.")] = 300.0,
    output: Annotated[Path, typer.Option(help="Folder for the figures, the charts and the servers' logs.")] = Path(
        "build/peers"
    ),
) -> None:
    """Measure, print a table, and write peers.json, peers.md and the charts."""
    chosen = [server for server in SERVERS if not only or server.name in only]
    if only and len(chosen) < len(set(only)):
        raise typer.BadParameter(f"the servers are {', '.join(server.name for server in SERVERS)}")
    output.mkdir(parents=True, exist_ok=True)
    machine = Machine((model or bundled_model_path()).resolve(), threads or os.cpu_count() or 1, timeout_s, output)
    plan = SMOKE if smoke else FULL
    plan = dataclasses.replace(plan, rounds=rounds or plan.rounds, probe_s=probe_s or plan.probe_s)
    record = asyncio.run(_measure(plan, machine, chosen))
    _write(record, output)
    print(markdown(record))


async def _measure(plan: Plan, machine: Machine, servers: list[Server]) -> Record:
    _say("diffusers alone: solo times and the image that all must draw")
    reference = await asyncio.to_thread(_reference, plan, machine)
    record = Record(
        {**_describe_machine(), "threads": machine.threads, **reference.versions},
        dataclasses.asdict(plan),
        {kind.name: solo for kind, solo in reference.solo_s.items()},
        targets={server.name: TargetRecord(server.title) for server in servers},
    )
    _say(f"about {plan.expected_s(reference, len(servers), _EXPECTED_START_S) / 60:.0f} minutes from here")
    campaign = Campaign(
        plan,
        {server.name: functools.partial(_start, server, machine) for server in servers},
        reference,
        record,
        differing_share=_differing_share,
        measure_http=functools.partial(_http_added, plan, machine),
        say=_say,
    )
    async for _ in campaign.rounds():
        _write(record, machine.output)
    return record


@contextlib.asynccontextmanager
async def _start(server: Server, machine: Machine) -> AsyncIterator[Target]:
    """The server and a client of it."""
    log = machine.output / f"{server.name}.log"
    async with (
        launched(server, model=machine.model, threads=machine.threads, log=log, timeout_s=machine.timeout_s) as running,
        connect(running.url, APIS[server.api], timeout_s=machine.timeout_s) as http,
    ):
        yield LaunchedTarget(http, running.start_s)


def _reference(plan: Plan, machine: Machine) -> Reference:
    """diffusers alone, in a process of its own so that nothing of it lasts."""
    python = ENVIRONMENTS / "diffusers" / "bin" / "python"
    if not python.exists():
        raise SystemExit("The peers' environments are missing: sh benchmarks/peers/setup.sh makes them.")
    finished = subprocess.run(
        [
            *(str(python), "-m", "benchmarks.peers.reference"),
            *("--repeats", str(plan.repeats), "--mix", json.dumps(dataclasses.asdict(plan.mix))),
        ],
        cwd=ROOT,
        env=environment(Place(port=0, model=machine.model, threads=machine.threads, scratch=machine.output)),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=machine.timeout_s * (1 + plan.repeats),
    )
    return Reference.from_json(finished.stdout)


async def _http_added(plan: Plan, machine: Machine, target: Target) -> list[float]:
    job = Job("a red circle", plan.mix.steps[0], 1.0, plan.mix.sizes[0], seed=_HTTP_JOB_SEED)
    async with engine_serving(machine.model, machine.threads) as engine:
        return await added_seconds(target.send, engine, job, plan.http_pairs)


def _differing_share(file: bytes, other: bytes) -> float:
    """Share of the values that are more than one level of 255 apart."""
    first, second = (np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), np.int16) for png in (file, other))
    return float(np.mean(np.abs(first - second) > 1))


def _describe_machine() -> dict[str, str | int | None]:
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "measured_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _processor() -> str:
    """As Linux names it."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def _write(record: Record, output: Path) -> None:
    record.write(output / "peers.json")
    (output / "peers.md").write_text(markdown(record))
    for name, chart in charts(record).items():
        (output / name).write_text(chart)


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


if __name__ == "__main__":
    app()
