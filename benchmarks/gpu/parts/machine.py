"""The part that describes the machine, and measures what its arithmetic and its memory can do at most."""

from __future__ import annotations

import os
import platform
from typing import Final

import diffusers
import torch
import transformers

from benchmarks.gpu.parts import bounds, models, timing
from benchmarks.gpu.plan import Settings
from benchmarks.gpu.record import Record

_TINY_SIDE: Final = 64
_SIDE: Final = 8192
"""Side of the matrices that are multiplied, which fill a large GPU."""
_BUDGET_S: Final = 1.0


def run(settings: Settings, record: Record) -> None:
    name = timing.device_name(settings.device)
    record.fact("device", name)
    record.fact("cores", os.cpu_count())
    record.fact("Python", platform.python_version())
    for library in (torch, diffusers, transformers):
        record.fact(library.__name__, library.__version__)
    if settings.device == "cuda":
        properties = torch.cuda.get_device_properties(settings.device)
        record.fact("device memory, GiB", properties.total_memory / 2**30)
        record.fact("CUDA", torch.version.cuda)
    record.fact("dense float16 peak by the data sheet, TFLOP/s", bounds.peak(name))
    side = _TINY_SIDE if settings.tiny else _SIDE
    record.fact(f"product of two {side}x{side} matrices, TFLOP/s", _matmul_tflops(settings, side))
    record.fact("copy within the device's memory, read and written, GB/s", _copy_gb_per_s(settings, side))
    models.folder(settings)


def _matmul_tflops(settings: Settings, side: int) -> float:
    one, other = (torch.randn(side, side, device=settings.device, dtype=models.dtype(settings)) for _ in range(2))
    call_s = timing.median_s(lambda: one @ other, settings.device, budget_s=settings.budget_s(_BUDGET_S))
    return 2 * side**3 / call_s / 1e12


def _copy_gb_per_s(settings: Settings, side: int) -> float:
    source = torch.randn(16, side, side, device=settings.device, dtype=models.dtype(settings))
    target = torch.empty_like(source)
    call_s = timing.median_s(lambda: target.copy_(source), settings.device, budget_s=settings.budget_s(_BUDGET_S))
    return 2 * source.numel() * source.element_size() / call_s / 1e9
