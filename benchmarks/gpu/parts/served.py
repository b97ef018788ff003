"""The ways in which a model can be served without a compiler. Only this module knows the fields that choose them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final

from pipelines.runtime.modes import RunMode
from service.engine.config import WorkerConfig

_GRAPHS: Final = next((field.name for field in dataclasses.fields(RunMode) if "graph" in field.name), None)

WAYS: Final[Mapping[str, Mapping[str, Any]]] = (
    {"eager": {}} if _GRAPHS is None else {"eager": {_GRAPHS: False}, "graphs": {_GRAPHS: True}}
)
"""Fields of `RunMode`, which are fields of `WorkerConfig` too, by the way that they choose."""


def ways(device: str) -> Mapping[str, Mapping[str, Any]]:
    """Return the ways that the device allows: CUDA graphs need a GPU."""
    return WAYS if device == "cuda" else {"eager": WAYS["eager"]}


def run_mode(way: str, *, exact: bool = False, max_rows: int, max_decode: int = 4) -> RunMode:
    return dataclasses.replace(RunMode(exact=exact, max_rows=max_rows, max_decode=max_decode), **WAYS[way])


def worker_config(way: str, model: str, device: str, *, max_rows: int, threads: int | None = None) -> WorkerConfig:
    return WorkerConfig(model=model, device=device, max_rows=max_rows, threads=threads, **WAYS[way])
