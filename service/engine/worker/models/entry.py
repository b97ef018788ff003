"""The state of one model of a worker. The pool and the transfers decide by it.

Runs in the worker's process.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

from pipelines.interface import Pipeline
from pipelines.model_info import ModelInfo
from service.engine.scheduling.residency import Demand, Standing
from service.engine.types import ModelStatus
from service.engine.worker.models.store import HostCopy


@dataclass(frozen=True, slots=True)
class DescribedModel:
    """The description of a model that the worker was told to serve, read without its weights."""

    name: str
    info: ModelInfo | None
    """None where the model's files cannot be used."""
    size_bytes: int = 0
    """Memory that its weights take on the device."""
    failure: str = ""
    """The reason for which its files cannot be used, for the operator."""


@dataclass(slots=True, eq=False)
class ModelEntry:
    """One model, from the worker's start to its end."""

    name: str
    size_bytes: int
    info: ModelInfo | None
    failure: str = ""
    """The reason for which it cannot be used, for the operator; empty where it can."""
    pipeline: Pipeline[Any, Any, Any] | None = None
    """Not None while the model is resident."""
    host_copy: HostCopy | None = None
    """Not None while the model is on the host."""
    loading: bool = False
    pinned: bool = False
    """Whether the model stays on the device."""
    asked_for: bool = False
    """Whether the operator wants it loaded."""
    dismissed: bool = False
    """Whether the operator wants it unloaded."""
    needed_s: float = 0.0
    """When an image needed it last, in seconds of the worker's clock."""
    worked_s: float = 0.0
    """Device seconds of its calls since it became resident."""

    @classmethod
    def of(cls, model: DescribedModel) -> Self:
        return cls(model.name, model.size_bytes, model.info, model.failure)

    @property
    def resident(self) -> bool:
        return self.pipeline is not None

    @property
    def source(self) -> str:
        """The source of its next load: `disk` or `host`."""
        return "disk" if self.host_copy is None else "host"

    @property
    def status(self) -> ModelStatus:
        if self.failure:
            return ModelStatus.FAILED
        if self.loading:
            return ModelStatus.LOADING
        if self.resident:
            return ModelStatus.RESIDENT
        return ModelStatus.DISK if self.host_copy is None else ModelStatus.HOST

    def standing(self, demand: Demand, wait_s: float) -> Standing:
        """Returns the model's facts for the policy."""
        return Standing(
            name=self.name,
            size_bytes=self.size_bytes,
            resident=self.resident,
            pinned=self.pinned,
            load_s=wait_s,
            worked_s=self.worked_s,
            needed_s=self.needed_s,
            demand=demand,
        )

    def arrive(self, pipeline: Pipeline[Any, Any, Any], now_s: float) -> None:
        """Makes the model resident."""
        known = self.info or pipeline.info
        self.pipeline, self.info = pipeline, replace(pipeline.info, aliases=known.aliases)
        self.asked_for = False
        self.worked_s, self.needed_s = 0.0, now_s

    def leave(self) -> None:
        """Drops the model from the device and from the host."""
        self.pipeline = self.host_copy = None
