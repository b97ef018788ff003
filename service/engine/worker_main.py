"""The worker process: puts a loaded model, the socket that it was given and the loop together. Composition only."""

from __future__ import annotations

import argparse
import functools
import logging
import socket
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

import msgspec

from pipelines.errors import ModelLoadError
from pipelines.interface import Pipeline
from service.engine import events
from service.engine.channel import SocketChannel
from service.engine.config import WorkerConfig
from service.engine.isolation import Device, Isolation
from service.engine.warming import warm
from service.engine.worker import Worker

Load: TypeAlias = Callable[[WorkerConfig], tuple[Pipeline[Any, Any, Any], Device]]

_EXIT_UNLOADABLE: Final = 3


def main(argv: Sequence[str], load: Load) -> int:
    """Serve what `load` gives to the socket with the number `--fd`, until drained; the exit status.

    `load` raises `ModelLoadError` where no new attempt would help.
    """
    parser = argparse.ArgumentParser(prog="python -m service.engine.worker_main", description=__doc__)
    parser.add_argument("--fd", type=int, required=True, help="descriptor of the connected socket to serve")
    parser.add_argument("--config", required=True, help="a WorkerConfig as JSON")
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s worker %(levelname)s %(name)s: %(message)s")
    config = msgspec.json.decode(arguments.config, type=WorkerConfig)
    channel = SocketChannel(socket.socket(fileno=arguments.fd))
    try:
        channel.send(events.Loading("loading"))
        pipeline, device = load(config)
        warm(
            pipeline,
            Isolation(device),
            max_rows=config.max_rows,
            report=functools.partial(channel.send, events.Loading("warming")),
            clock=time.monotonic,
        )
    except ModelLoadError as error:
        channel.send(events.Unloadable(str(error)))
        channel.close()
        return _EXIT_UNLOADABLE
    channel.send(events.Ready(pipeline.info))
    Worker(pipeline, channel, config, device=device).run()
    channel.close()
    return 0


def load_model(config: WorkerConfig) -> tuple[Pipeline[Any, Any, Any], Device]:
    """The model that the configuration names, on its device."""
    import torch

    from pipelines import loading

    if config.threads is not None:
        torch.set_num_threads(config.threads)
    pipeline = loading.load(
        config.model, device=config.device, dtype=config.dtype, allow_download=config.allow_download
    )

    def is_out_of_memory(error: Exception) -> bool:
        # On the CPU it is a bare RuntimeError.
        return isinstance(error, MemoryError | torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error)

    return pipeline, Device(
        is_out_of_memory=is_out_of_memory,
        is_broken=lambda error: isinstance(error, torch.AcceleratorError),
        free_memory=torch.cuda.empty_cache,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], load_model))
