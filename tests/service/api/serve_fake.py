"""Runs the server as a process whose worker has the fake pipeline, for tests that start, stop and kill it.

Prints its URL when it is ready. Takes the fake worker's options.
"""

from __future__ import annotations

import asyncio
import sys

from service.engine.config import EngineConfig, WorkerConfig
from service.engine.frontend.local_engine import LocalEngine
from service.environment import load_settings
from service.observability import logs
from service.observability.metrics import Metrics
from service.observability.tracing.opening import open_traces
from service.server.main import serve


async def main() -> int:
    settings = load_settings()
    logs.configure(settings.log_level, "json")
    metrics = Metrics()
    engine = LocalEngine(
        # The first pass uses up the warm-up's budget: the fake pipeline has nothing to warm.
        EngineConfig(worker=WorkerConfig(model="fake", warm_up_s=0.001)),
        command=[sys.executable, "-m", "tests.harness.engine.fake_worker", *sys.argv[1:]],
        observe=metrics.observe,
    )

    def say(model: str, url: str) -> None:
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()

    with open_traces(settings.tracing, metrics) as traces:
        return await serve(settings, engine, metrics, on_ready=say, traces=traces)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
