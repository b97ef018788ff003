"""The models of one process by name: described from their configurations, loaded, and moved between host and device.

Each is loaded when it is asked for. A model that is moved to the host keeps its networks there; its pipeline, with all
that was prepared for the device (graphs, tables, streams), is made anew when it comes back.
"""

from __future__ import annotations

import dataclasses
import gc
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from pipelines.checkpoints import inspection, loader, sources
from pipelines.checkpoints.checkpoint import Checkpoint
from pipelines.checkpoints.dtypes import DtypeChoice
from pipelines.checkpoints.files import safetensors_files
from pipelines.integrity.file_access import ANY_FILES, FileAccess
from pipelines.interface import Pipeline
from pipelines.model_info import ModelInfo
from pipelines.progress import Report
from pipelines.runtime import devices
from pipelines.runtime.modes import RunMode

_DTYPE_BYTES: Final = {"float32": 4, "float16": 2, "bfloat16": 2}


@dataclass(frozen=True, slots=True)
class FoundModel:
    """A model whose files can be used, as far as that is known without its weights."""

    info: ModelInfo
    size_bytes: int
    """Bytes of its weights in the dtype in which they are loaded."""


class ModelFiles:
    """Models by the names that they are served by."""

    def __init__(
        self, *, device: str, dtype: DtypeChoice, mode: RunMode, allow_download: bool, access: FileAccess = ANY_FILES
    ) -> None:
        """`device` is a device of torch; all models are loaded onto it, in the same mode. `access` opens their
        files.
        """
        self._device = device
        self._dtype = dtype
        self._mode = mode
        self._allow_download = allow_download
        self._access = access
        self._checkpoints: dict[str, Checkpoint] = {}
        self._parts: dict[str, Mapping[str, Any]] = {}
        """The parts of each model on the device."""

    def find(self, model: str, name: str, report: Report) -> FoundModel:
        """Find and inspect a folder, a file or a hub id, to be loaded as `name`; an empty name leaves it to the files.

        Raises `ModelLoadError`.
        """
        source = sources.find(
            model, allow_download=self._allow_download, dtype=self._dtype, report=report, files=self._access
        )
        checkpoint = inspection.inspect(source, self._dtype)
        checkpoint = dataclasses.replace(checkpoint, name=name or checkpoint.name)
        info = loader.describe(checkpoint, device=self._device, mode=self._mode)
        self._checkpoints[checkpoint.name] = checkpoint
        return FoundModel(info, weight_bytes(checkpoint))

    def load(self, name: str, report: Report) -> Pipeline[Any, Any, Any]:
        """Load a model onto the device. Raises `ModelLoadError`."""
        parts = loader.read_parts(self._checkpoints[name], device=self._device, report=report)
        return self._assemble(name, parts, report)

    def to_host(self, name: str, pipeline: Pipeline[Any, Any, Any]) -> HostCopy | None:
        """Move the networks of a model to the host. Returns None where they have been changed for the device."""
        parts = self._parts.pop(name)
        if self._mode.compile != "off" or self._mode.quantize != "off":
            return None
        return HostCopy(lambda report: self._assemble(name, parts, report), _moved(parts, "cpu"))

    def free(self) -> None:
        """Return the memory of dropped models to the device or the system."""
        gc.collect()  # A pipeline is part of cycles, which only the collector finds.
        devices.return_free_memory()

    def forget(self, name: str) -> None:
        """Drop the parts of a model that is not on the device any more."""
        self._parts.pop(name, None)

    def _assemble(self, name: str, parts: Mapping[str, Any], report: Report) -> Pipeline[Any, Any, Any]:
        pipeline = loader.assemble(self._checkpoints[name], parts, device=self._device, mode=self._mode, report=report)
        self._parts[name] = parts
        return pipeline


class HostCopy:
    """The networks of a model in the host's memory."""

    def __init__(self, assemble: Callable[[Report], Pipeline[Any, Any, Any]], parts: Mapping[str, Any]) -> None:
        """`assemble` moves the parts to the device."""
        self._assemble = assemble
        self.parts = parts

    def to_device(self, report: Report) -> Pipeline[Any, Any, Any]:
        """Move the networks to the device. The copy must not be used again."""
        return self._assemble(report)


def weight_bytes(checkpoint: Checkpoint) -> int:
    """Return the bytes of a checkpoint's weights in its dtype, from the headers of its files."""
    files: set[Path] = {path for paths in checkpoint.weights.values() for path in paths}
    tensors = [tensor for path in files for tensor in safetensors_files.read_header(path).tensors.values()]
    return _DTYPE_BYTES[checkpoint.dtype] * sum(math.prod(tensor.shape) for tensor in tensors)


def _moved(parts: Mapping[str, Any], device: str) -> Mapping[str, Any]:
    for part in parts.values():
        if isinstance(part, torch.nn.Module):
            part.to(device)
    return parts
