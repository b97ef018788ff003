"""The interface by which the pool of models loads and moves them. Knows no torch.

Runs in the worker's process, mostly in the loader's thread.
"""

from __future__ import annotations

from typing import Any, Protocol

from pipelines.interface import Pipeline
from pipelines.progress import Report


class LoadCanceledError(Exception):
    """The load is no longer wanted. Its report raises this."""


class HostCopy(Protocol):
    """A model in the host's memory, ready to be moved to the device."""

    def to_device(self, report: Report) -> Pipeline[Any, Any, Any]:
        """Moves the model. The copy must not be used again, whether this returns or raises."""


class ModelStore(Protocol):
    """Loads models and moves them between the disk, the host and the device.

    A slow load reports now and then; where it was canceled, the report raises `LoadCanceledError`.
    """

    def load(self, name: str, report: Report) -> Pipeline[Any, Any, Any]:
        """Loads a model from its files onto the device. Raises `pipelines.errors.ModelLoadError`."""

    def to_host(self, name: str, pipeline: Pipeline[Any, Any, Any]) -> HostCopy | None:
        """Moves an idle model to the host. Returns None if it cannot be moved, only dropped."""

    def forget(self, name: str) -> None:
        """Drops everything kept of a model that is no longer on the device."""

    def free(self) -> None:
        """Returns the memory of dropped models to the device or the system."""
