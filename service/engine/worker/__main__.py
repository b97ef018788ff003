"""The worker process: puts a loaded model, the socket that it was given and the loop together. Composition only."""

from __future__ import annotations

import argparse
import faulthandler
import functools
import logging
import os
import platform
import resource
import socket
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec

from pipelines.errors import ModelLoadError
from pipelines.interface import ModelInfo, Pipeline
from service.engine import messages
from service.engine.config import WorkerConfig
from service.engine.costs.cost_cache import CostCache, fingerprint
from service.engine.worker.channel import SocketChannel
from service.engine.worker.device import Device
from service.engine.worker.fault_isolation import Isolation
from service.engine.worker.loop import Worker
from service.engine.worker.warmup import Warmup

Load: TypeAlias = Callable[[WorkerConfig, Callable[[], object]], tuple[Pipeline[Any, Any, Any], Device]]
"""Its second argument is to be called now and then by a load that takes long."""

_EXIT_UNLOADABLE: Final = 3


def main(argv: Sequence[str], load: Load) -> int:
    """Serve what `load` gives to the socket with the number `--fd`, until drained; the exit status.

    `load` raises `ModelLoadError` where no new attempt would help.
    """
    parser = argparse.ArgumentParser(prog="python -m service.engine.worker", description=__doc__)
    parser.add_argument("--fd", type=int, required=True, help="descriptor of the connected socket to serve")
    parser.add_argument("--config", required=True, help="a WorkerConfig as JSON")
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s worker %(levelname)s %(name)s: %(message)s")
    faulthandler.register(messages.STACKS_SIGNAL)
    config = msgspec.json.decode(arguments.config, type=WorkerConfig)
    channel = SocketChannel(socket.socket(fileno=arguments.fd))
    try:
        channel.send(messages.Loading("loading"))
        pipeline, device = load(config, functools.partial(channel.send, messages.Loading("compiling")))
        cache = _cost_cache(config, pipeline.info, device)
        costs = Warmup(pipeline, Isolation(device), known=cache.load(), clock=time.monotonic).run(
            max_rows=config.max_rows,
            max_decode=config.max_decode,
            budget_s=config.warm_up_s,
            report=functools.partial(channel.send, messages.Loading("warming")),
        )
        cache.store(costs)
    except ModelLoadError as error:
        channel.send(messages.Unloadable(str(error)))
        channel.close()
        return _EXIT_UNLOADABLE
    channel.send(messages.Ready(pipeline.info, costs))
    Worker(pipeline, channel, config, costs=costs, device=device).run()
    channel.close()
    return 0


def _cost_cache(config: WorkerConfig, info: ModelInfo, device: Device) -> CostCache:
    identity: dict[str, str | int | None] = {
        "model": info.name,
        "files": fingerprint(Path(config.model)),
        "device": info.device,
        "hardware": device.name,
        "dtype": info.dtype,
        "threads": config.threads,
        "execution": f"exact {config.exact}, compile {config.compile}, {config.max_rows} rows, {config.max_decode}",
    }
    return CostCache(None if config.cache_dir is None else Path(config.cache_dir), identity)


def load_model(config: WorkerConfig, report: Callable[[], object]) -> tuple[Pipeline[Any, Any, Any], Device]:
    """The model that the configuration names, on its device."""
    import torch

    from pipelines.checkpoints import loader
    from pipelines.runtime import batch_invariance, compilation
    from pipelines.runtime.modes import RunMode

    if config.threads is not None:
        torch.set_num_threads(config.threads)
    if config.exact:
        # Read by cuBLAS when the device is first used; without it, its sums may be taken in any order.
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
        batch_invariance.use_deterministic_kernels()
    if config.compile != "off" and config.cache_dir is not None:
        compilation.keep_code_in(Path(config.cache_dir) / "compiled")
    pipeline = loader.load(
        config.model,
        device=config.device,
        dtype=config.dtype,
        allow_download=config.allow_download,
        mode=RunMode(
            exact=config.exact, compile=config.compile, max_rows=config.max_rows, max_decode=config.max_decode
        ),
        report=report,
    )

    def is_out_of_memory(error: Exception) -> bool:
        # On the CPU it is a bare RuntimeError.
        return isinstance(error, MemoryError | torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error)

    return pipeline, Device(
        is_out_of_memory=is_out_of_memory,
        is_broken=lambda error: isinstance(error, torch.AcceleratorError),
        free_memory=torch.cuda.empty_cache,
        memory_bytes=torch.cuda.memory_reserved if pipeline.info.device.startswith("cuda") else _resident_bytes,
        name=f"{_hardware(pipeline.info.device)}, torch {torch.__version__}",
    )


def _resident_bytes() -> int:
    """The most memory that this process has had; macOS counts in bytes, Linux in KiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _hardware(device: str) -> str:
    import torch

    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    return f"{platform.processor() or platform.machine()} with {torch.get_num_threads()} threads"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], load_model))
