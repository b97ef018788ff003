"""Compares Darkroom with other servers, in one run on one machine.

    python -m benchmarks.peers [--smoke] [--only NAME ...] [--output FOLDER]

Run benchmarks/peers/setup.sh first: it creates the environments of the other servers. docs/performance.md describes the
method. A run takes about 24 minutes on two idle cores.
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
from benchmarks.peers.comparison import FULL, SMOKE, Comparison, Plan, Target
from benchmarks.peers.http_overhead import http_overheads_s, running_engine
from benchmarks.peers.launch import running_server
from benchmarks.peers.records import Record, TargetRecord
from benchmarks.peers.reference import Reference
from benchmarks.peers.report import charts, markdown
from benchmarks.peers.servers import ENVIRONMENTS, ROOT, SERVERS, LaunchOptions, Server, environment
from benchmarks.workload import Request
from pipelines.checkpoints.loader import bundled_model_path

_EXPECTED_START_S = 20.0
_HTTP_REQUEST_SEED = 7

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@dataclass(frozen=True, slots=True)
class RunSettings:
    """The settings that all targets share."""

    model: Path
    threads: int
    timeout_s: float
    """Timeout of a start, and of one request."""
    output: Path


class LaunchedTarget:
    """Implements `comparison.Target`."""

    def __init__(self, http: HttpTarget, start_s: float) -> None:
        self._http = http
        self.start_s = start_s

    async def send(self, request: Request) -> bytes:
        return await self._http.send(request)


@app.command()
def main(
    smoke: Annotated[
        bool, typer.Option("--smoke", help="Send only a few requests, to check that everything works.")
    ] = False,
    only: Annotated[list[str] | None, typer.Option(help="Measure only this server; repeatable.")] = None,
    model: Annotated[Path | None, typer.Option(help="A model folder. Default: the bundled model.")] = None,
    threads: Annotated[int | None, typer.Option(help="Threads of a tensor operation. Default: all cores.")] = None,
    rounds: Annotated[int | None, typer.Option(help="Rounds over all servers.")] = None,
    probe_s: Annotated[
        float | None, typer.Option(help="Seconds of arrivals for each probe of the goodput search.")
    ] = None,
    timeout_s: Annotated[float, typer.Option(help="Timeout of one start and of one request.")] = 300.0,
    output: Annotated[Path, typer.Option(help="Folder for the measurements, the charts and the logs.")] = Path(
        "build/peers"
    ),
) -> None:
    """Measure the servers, print a table, and write peers.json, peers.md and the charts."""
    chosen = [server for server in SERVERS if not only or server.name in only]
    if only and len(chosen) < len(set(only)):
        raise typer.BadParameter(f"--only must be one of {', '.join(server.name for server in SERVERS)}")
    output.mkdir(parents=True, exist_ok=True)
    settings = RunSettings((model or bundled_model_path()).resolve(), threads or os.cpu_count() or 1, timeout_s, output)
    plan = SMOKE if smoke else FULL
    plan = dataclasses.replace(plan, rounds=rounds or plan.rounds, probe_s=probe_s or plan.probe_s)
    record = asyncio.run(_measure(plan, settings, chosen))
    _write(record, output)
    print(markdown(record))


async def _measure(plan: Plan, settings: RunSettings, servers: list[Server]) -> Record:
    _log("diffusers alone: solo times and the reference image")
    reference = await asyncio.to_thread(_reference, plan, settings)
    record = Record(
        {**_describe_machine(), "threads": settings.threads, **reference.versions},
        dataclasses.asdict(plan),
        {request_class.name: solo for request_class, solo in reference.solo_s.items()},
        targets={server.name: TargetRecord(server.title) for server in servers},
    )
    _log(f"about {plan.expected_s(reference, len(servers), _EXPECTED_START_S) / 60:.0f} minutes left")
    comparison = Comparison(
        plan,
        {server.name: functools.partial(_start, server, settings) for server in servers},
        reference,
        record,
        differing_share=_differing_share,
        measure_http=functools.partial(_http_overheads, plan, settings),
        log=_log,
    )
    async for _ in comparison.run():
        _write(record, settings.output)
    return record


@contextlib.asynccontextmanager
async def _start(server: Server, settings: RunSettings) -> AsyncIterator[Target]:
    """Starts the server and connects to it."""
    log = settings.output / f"{server.name}.log"
    async with (
        running_server(
            server, model=settings.model, threads=settings.threads, log=log, timeout_s=settings.timeout_s
        ) as running,
        connect(running.url, APIS[server.api], timeout_s=settings.timeout_s) as http,
    ):
        yield LaunchedTarget(http, running.start_s)


def _reference(plan: Plan, settings: RunSettings) -> Reference:
    """Measures diffusers alone, in a process of its own so that it leaves no memory allocated."""
    python = ENVIRONMENTS / "diffusers" / "bin" / "python"
    if not python.exists():
        raise SystemExit(
            "The environment of diffusers is missing. Run `sh benchmarks/peers/setup.sh` to create the environments."
        )
    finished = subprocess.run(
        [
            *(str(python), "-m", "benchmarks.peers.reference"),
            *("--repeats", str(plan.repeats), "--mix", json.dumps(dataclasses.asdict(plan.mix))),
        ],
        cwd=ROOT,
        env=environment(LaunchOptions(port=0, model=settings.model, threads=settings.threads, scratch=settings.output)),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=settings.timeout_s * (1 + plan.repeats),
    )
    return Reference.from_json(finished.stdout)


async def _http_overheads(plan: Plan, settings: RunSettings, target: Target) -> list[float]:
    request = Request("a red circle", plan.mix.steps[0], 1.0, plan.mix.sizes[0], seed=_HTTP_REQUEST_SEED)
    async with running_engine(settings.model, settings.threads) as engine:
        return await http_overheads_s(target.send, engine, request, plan.http_pairs)


def _differing_share(file: bytes, other: bytes) -> float:
    """Returns the share of values that differ by more than one level of 255."""
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
    """Returns the processor's name, from /proc/cpuinfo where it exists."""
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


def _log(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


if __name__ == "__main__":
    app()
