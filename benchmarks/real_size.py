"""Measures a server with a model of real size: its start, its memory, and the waits of its callers.

    python -m benchmarks.real_size [--shape sd15] [--steps 2] [--rounds 2] [--exact] [--output measurements.json]

It writes a model with random weights, starts `darkroom serve` with it twice (with nothing known of its costs, and with
the costs of the first start), and compares an image over HTTP with the same one through diffusers alone, in turns. The
absolute times are those of this machine and its load, which is written down with them; compare the ratios. On a busy
machine the ratio of CPU seconds says more: other processes take time from both sides, but hardly add to these.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
import json
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import httpx2
import torch
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.engine import sides
from benchmarks.peers.launch import RunningServer, running_server
from benchmarks.peers.servers import OURS, Server
from benchmarks.process_use import worker_use
from benchmarks.random_model import SHAPES, write
from pipelines.params import GenerationParams

_GIB: Final = 1 << 30
_PATH: Final = "/v1/images/generations"
_POLL_S: Final = 1.0

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    shape: Annotated[str, typer.Option(help=f"One of {', '.join(SHAPES)}.")] = "sd15",
    steps: Annotated[int, typer.Option(help="Steps of each image.")] = 2,
    rounds: Annotated[int, typer.Option(help="Interleaved rounds of an image each.")] = 2,
    limit_s: Annotated[float, typer.Option(help="Seconds after which the measurement is given up.")] = 3600.0,
    exact: Annotated[bool, typer.Option(help="Also start in exact mode.")] = False,
    output: Annotated[Path | None, typer.Option(help="Also write the measurements to this file, as JSON.")] = None,
) -> None:
    """Measure, and print a table."""
    measured = asyncio.run(_bounded(shape, steps, rounds, limit_s, exact))
    _print(measured)
    if output is not None:
        output.write_text(json.dumps(measured, indent=2) + "\n")


async def _bounded(shape: str, steps: int, rounds: int, limit_s: float, exact: bool) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="darkroom-real-size-") as scratch:
        model = write(Path(scratch) / "model", SHAPES[shape])
        measurement = _Measurement(model, Path(scratch), limit_s, shape, steps)
        async with asyncio.timeout(limit_s):
            return await measurement.run(rounds, exact=exact)


@dataclasses.dataclass(frozen=True, slots=True)
class _Measurement:
    model: Path
    scratch: Path
    limit_s: float
    shape: str
    steps: int

    async def run(self, rounds: int, *, exact: bool) -> dict[str, Any]:
        measured: dict[str, Any] = {"machine": _machine(), "shape": self.shape, "steps": self.steps}
        measured["start"] = await self._start("first")
        async with self._serving("again") as server, _client(server) as client:
            measured["start_again"] = self._started(server, "again")
            async with _polling(client) as readiness:
                measured["image"] = await self._images(client, rounds)
                measured["stream"] = await self._stream(client)
                measured["together"] = await self._together(client)
            measured["readiness"] = readiness
            measured["memory_at_end"] = _memory()
        if exact:
            measured["exact"] = await self._start("exact", "--exact")
        measured["load_at_end"] = os.getloadavg()[0]
        return measured

    @contextlib.asynccontextmanager
    async def _serving(self, name: str, *options: str) -> AsyncIterator[RunningServer]:
        command = (
            *("{bin}/darkroom", "serve", "--port", "{port}", "--admin-port", "none", "--model", "{model}"),
            *("--threads", "{threads}", "--data-dir", "{scratch}", "--cache-dir", str(self.scratch / "cache")),
            *("--log-format", "json", *options),
        )
        server = Server(OURS, "Darkroom", command, api="darkroom", health="/readyz")
        threads, log = torch.get_num_threads(), self._log(name)
        async with running_server(server, model=self.model, threads=threads, log=log, timeout_s=self.limit_s) as each:
            async with asyncio.timeout(self.limit_s):
                # A server is ready a moment before its log says so.
                while '"event": "serving"' not in log.read_text():  # noqa: ASYNC110 -- another process writes the log
                    await asyncio.sleep(0.05)
            yield each

    async def _start(self, name: str, *options: str) -> dict[str, Any]:
        async with self._serving(name, *options) as server:
            return self._started(server, name)

    def _started(self, server: RunningServer, name: str) -> dict[str, Any]:
        """Returns the measurements of one start, and its log."""
        # Among the lines is the greeting.
        lines = [json.loads(line) for line in self._log(name).read_text().splitlines() if line.startswith("{")]
        times_s = [datetime.fromisoformat(line["timestamp"]).timestamp() for line in lines]
        silences_s = [later - earlier for earlier, later in itertools.pairwise(times_s)]
        return {
            "seconds": server.start_s,
            "longest_silence_of_the_log_s": max(silences_s, default=0.0),
            "said": [line.get("activity") or line["event"] for line in lines],
            "memory": _memory(),
            "load": os.getloadavg()[0],
        }

    def _log(self, name: str) -> Path:
        return self.scratch / f"{name}.log"

    async def _images(self, client: httpx2.AsyncClient, rounds: int) -> dict[str, Any]:
        """Makes an image through the server and through diffusers alone, in turns."""
        pipeline = await asyncio.to_thread(sides.load_diffusers, self.model)
        measured: dict[str, list[float]] = {
            "loads": [],
            "served_s": [],
            "alone_s": [],
            "served_cpu_s": [],
            "alone_cpu_s": [],
        }
        for round_number in range(rounds):
            measured["loads"].append(os.getloadavg()[0])
            cpu_s = _worker_cpu_s()
            measured["served_s"].append(await _seconds(client, self._body(round_number)))
            measured["served_cpu_s"].append(_worker_cpu_s() - cpu_s)
            cpu_s, params = time.process_time(), self._params(round_number)
            measured["alone_s"].append(await asyncio.to_thread(sides.diffusers_seconds, pipeline, [params]))
            measured["alone_cpu_s"].append(time.process_time() - cpu_s)
        return {
            **measured,
            "ratio": _ratio(measured["served_s"], measured["alone_s"]),
            "cpu_ratio": _ratio(measured["served_cpu_s"], measured["alone_cpu_s"]),
        }

    async def _stream(self, client: httpx2.AsyncClient) -> dict[str, Any]:
        """Reads an image as a stream, with a preview. Returns the longest silence between two reads."""
        start_s = last_s = time.perf_counter()
        silences_s, heartbeats = [], 0
        async with client.stream("POST", _PATH, json={**self._body(0), "stream": True, "partial_images": 1}) as answer:
            async for part in answer.aiter_bytes():
                now_s = time.perf_counter()
                silences_s.append(now_s - last_s)
                last_s = now_s
                heartbeats += part.startswith(b":")
        return {"seconds": last_s - start_s, "longest_silence_s": max(silences_s), "heartbeats": heartbeats}

    async def _together(self, client: httpx2.AsyncClient) -> dict[str, Any]:
        """Sends two images at once, and an image of one step a moment later."""
        bodies = [self._body(0), self._body(1), {**self._body(2), "num_inference_steps": 1}]
        first, second, short = await asyncio.gather(*(_seconds(client, body) for body in bodies))
        return {"seconds": [first, second], "one_step_s": short}

    def _params(self, seed: int) -> GenerationParams:
        side = 8 * SHAPES[self.shape].unet["sample_size"]
        return GenerationParams(
            prompt=sides.PROMPTS[0],
            width=side,
            height=side,
            steps=self.steps,
            guidance_scale=7.5,
            seed=seed,
            sampler="dpm++_2m",
        )

    def _body(self, seed: int) -> dict[str, Any]:
        """Returns the request for the same image."""
        params = self._params(seed)
        return {
            "prompt": params.prompt,
            "size": f"{params.width}x{params.height}",
            "num_inference_steps": params.steps,
            "guidance_scale": params.guidance_scale,
            "seed": seed,
            "sampler": params.sampler,
        }


@contextlib.asynccontextmanager
async def _client(server: RunningServer) -> AsyncIterator[httpx2.AsyncClient]:
    # The measurement as a whole is bounded.
    async with httpx2.AsyncClient(base_url=server.url, timeout=None, trust_env=False) as client:
        yield client


@contextlib.asynccontextmanager
async def _polling(client: httpx2.AsyncClient) -> AsyncIterator[dict[str, Any]]:
    """Asks whether the server is ready, every second while the context is open. Yields what it finds."""
    found: dict[str, Any] = {"polls": 0, "not_ready": 0, "slowest_s": 0.0}

    async def poll() -> None:
        while True:
            start_s = time.perf_counter()
            answer = await client.get("/readyz")
            found["polls"] += 1
            found["not_ready"] += answer.status_code != httpx2.codes.OK
            found["slowest_s"] = max(found["slowest_s"], time.perf_counter() - start_s)
            await asyncio.sleep(_POLL_S)

    async with asyncio.TaskGroup() as group:
        polling = group.create_task(poll())
        yield found
        polling.cancel()


async def _seconds(client: httpx2.AsyncClient, body: dict[str, Any]) -> float:
    """Returns the seconds of a request. Raises where it is refused."""
    start_s = time.perf_counter()
    (await client.post(_PATH, json=body)).raise_for_status()
    return time.perf_counter() - start_s


def _memory() -> dict[str, float] | None:
    use = worker_use()
    return None if use is None else {"now_gib": use.now_bytes / _GIB, "peak_gib": use.peak_bytes / _GIB}


def _worker_cpu_s() -> float:
    use = worker_use()
    return 0.0 if use is None else use.cpu_s


def _ratio(served: list[float], alone: list[float]) -> float:
    return statistics.median(one / other for one, other in zip(served, alone, strict=True))


def _machine() -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "load": os.getloadavg()[0],
    }


def _print(measured: dict[str, Any]) -> None:
    load = measured["machine"]["load"]
    table = Table("measurement", "result", title=f"{measured['shape']}, load {load:.1f} at first")
    for name, start in (("nothing known", "start"), ("costs known", "start_again"), ("exact mode", "exact")):
        if start in measured:
            table.add_row(f"ready, {name}", _shown_start(measured[start]))
    image, stream, together = measured["image"], measured["stream"], measured["together"]
    served_s, alone_s = statistics.median(image["served_s"]), statistics.median(image["alone_s"])
    table.add_row("an image, relative to diffusers alone", f"{image['ratio']:.2f}x ({served_s:.1f} s, {alone_s:.1f} s)")
    table.add_row("the same in CPU seconds", f"{image['cpu_ratio']:.2f}x")
    table.add_row("a stream's longest silence", f"{stream['longest_silence_s']:.1f} s")
    table.add_row("two at once", " and ".join(f"{seconds:.1f} s" for seconds in together["seconds"]))
    table.add_row("an image of one step behind them", f"{together['one_step_s']:.1f} s")
    readiness = measured["readiness"]
    table.add_row("not ready meanwhile", f"{readiness['not_ready']} of {readiness['polls']} times")
    Console().print(table)


def _shown_start(start: dict[str, Any]) -> str:
    shown = f"{start['seconds']:.1f} s, at load {start['load']:.1f}"
    if start["memory"] is None:
        return shown
    return f"{shown}, memory {start['memory']['now_gib']:.2f} GiB, peak {start['memory']['peak_gib']:.2f} GiB"


if __name__ == "__main__":
    app()
