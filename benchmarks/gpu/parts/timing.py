"""Times calls on a device: with the device's own events on a GPU, with the clock elsewhere."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Final

import torch

_FEWEST: Final = 3
_MOST: Final = 20


def device_name(device: str) -> str:
    return torch.cuda.get_device_name(device) if device == "cuda" else "CPU"


def seconds(call: Callable[[], object], device: str) -> float:
    """Return the time of a call, the device's work included."""
    if device != "cuda":
        start_s = time.perf_counter()
        call()
        return time.perf_counter() - start_s
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]  # torch gives it no types
    start.record()
    call()
    end.record()
    end.synchronize()
    return float(start.elapsed_time(end)) / 1000


def median_s(call: Callable[[], object], device: str, *, budget_s: float) -> float:
    """Return the median time of a call that is made twice beforehand, over as many calls as take `budget_s`.

    It is made three times at least, and twenty times at most.
    """
    call()
    once_s = seconds(call, device)
    repeats = min(_MOST, max(_FEWEST, int(budget_s / max(once_s, 1e-6))))
    return statistics.median(seconds(call, device) for _ in range(repeats))
