"""Reads the list of devices that an engine uses, and finds out which GPUs this machine has.

Runs in the server's process, before the engine is made.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Final

from service.child_environment import child_environment

AUTO: Final = "auto"

_COUNT_GPUS: Final = "import torch; print(torch.cuda.device_count())"


def count_gpus() -> int:
    """Returns the number of GPUs that torch can use; 0 where torch cannot be imported.

    A process of its own counts them, because the server's process imports no torch.
    """
    counted = subprocess.run(  # noqa: S603 - the command is our own
        [sys.executable, "-c", _COUNT_GPUS],
        capture_output=True,
        text=True,
        check=False,
        env=child_environment(os.environ),
    )
    return int(counted.stdout) if counted.returncode == 0 else 0


def listed_devices(text: str, count: Callable[[], int] = count_gpus) -> tuple[str, ...]:
    """Returns the devices of a list such as `cuda:0,cuda:1`. `auto` stands for all GPUs, or for the CPU without any."""
    if text != AUTO:
        return tuple(text.split(","))
    return tuple(f"cuda:{index}" for index in range(count())) or ("cpu",)


def threads_of_each(devices: Sequence[str]) -> int | None:
    """Returns the threads of each of several workers on the CPU, which share its cores; None where at most one is."""
    workers = sum(device == "cpu" for device in devices)
    return max(1, (os.cpu_count() or 1) // workers) if workers > 1 else None
