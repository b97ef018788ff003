"""The ways in which a model can be served without a compiler. Only this module knows the fields that choose them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final

import torch

from pipelines.runtime.modes import RunMode
from service.engine.config import WorkerConfig

WAYS: Final[Mapping[str, Mapping[str, Any]]] = {
    "eager": {"cuda_graphs": False},
    "graphs": {"cuda_graphs": True},
}
"""The fields of `RunMode` and of `WorkerConfig` that choose each way. All ways make the same images."""
FP8: Final[Mapping[str, Mapping[str, Any]]] = {"graphs, fp8": {"cuda_graphs": True, "quantize": "fp8"}}
"""The way with 8-bit floats, which makes other images."""

_LEAST_CAPABILITY: Final = (8, 9)
"""Compute capability of the first GPUs with products of 8-bit floats."""


def ways(device: str, capability: tuple[int, int] = (0, 0)) -> Mapping[str, Mapping[str, Any]]:
    """Return the ways that the device allows: CUDA graphs need a GPU, and 8-bit floats one of that capability."""
    if device != "cuda":
        return {"eager": WAYS["eager"]}
    return {**WAYS, **FP8} if capability >= _LEAST_CAPABILITY else WAYS


def capability(device: str) -> tuple[int, int]:
    """Return the compute capability of the GPU, or zeros for a CPU."""
    return torch.cuda.get_device_capability() if device == "cuda" else (0, 0)


def run_mode(way: str, *, exact: bool = False, max_rows: int, max_decode: int = 4) -> RunMode:
    return dataclasses.replace(RunMode(exact=exact, max_rows=max_rows, max_decode=max_decode), **{**WAYS, **FP8}[way])


def worker_config(way: str, model: str, device: str, *, max_rows: int, threads: int | None = None) -> WorkerConfig:
    return WorkerConfig(model=model, device=device, max_rows=max_rows, threads=threads, **{**WAYS, **FP8}[way])
