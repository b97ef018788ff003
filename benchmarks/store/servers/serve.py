"""The real server around a simulated device, with the settings of its environment.

    python -m benchmarks.store.servers.serve CONTROL_FILE

It imports whatever `service` is first on the path, so that an earlier commit can be served beside this tree.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Final

from service.engine.config import EngineConfig, WorkerConfig
from service.engine.frontend.local_engine import LocalEngine
from service.environment import load_settings
from service.observability import logs
from service.observability.metrics import Metrics
from service.server.main import serve

_NEVER_S: Final = 86400.0
"""A device that is held says nothing for minutes, and is not stuck."""
_NO_WARM_UP_S: Final = 0.001
"""The first pass uses it up: there is nothing to measure."""

_BOUNDS: Final = ("max_queued_images",)
"""The settings of the queue that a part of the benchmark chooses, as far as the served commit has them."""


async def main(control_file: str) -> int:
    """Serves until SIGTERM. Returns the exit status."""
    settings = load_settings()
    logs.configure(settings.log_level, "json")
    metrics = Metrics()
    worker = WorkerConfig(model="simulated", warm_up_s=_NO_WARM_UP_S)
    bounds = {name: getattr(settings, name) for name in _BOUNDS if hasattr(settings, name)}
    engine = LocalEngine(
        EngineConfig(worker=worker, stall_timeout_s=_NEVER_S, **bounds),
        command=[sys.executable, "-m", "benchmarks.store.servers.device", control_file],
        observe=metrics.observe,
    )
    return await serve(settings, engine, metrics, on_ready=lambda model, url: None)


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1])))
