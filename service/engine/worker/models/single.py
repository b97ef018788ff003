"""A pool that serves one model, which is resident from the start to the end.

Runs in the worker's process.
"""

from __future__ import annotations

from typing import Any, NoReturn

from pipelines.interface import Pipeline
from service.engine.worker.models.entry import DescribedModel
from service.engine.worker.models.loader_thread import LoaderThread
from service.engine.worker.models.pool import ModelPool
from service.engine.worker.models.store import Report
from service.engine.worker.models.transfers import Transfers


class SingleStore:
    """A `ModelStore` of one model that was loaded before."""

    def __init__(self, pipeline: Pipeline[Any, Any, Any]) -> None:
        self._pipeline = pipeline

    def load(self, name: str, report: Report) -> Pipeline[Any, Any, Any]:
        return self._pipeline

    def to_host(self, name: str, pipeline: Pipeline[Any, Any, Any]) -> NoReturn:
        raise AssertionError("a single model is never moved")

    def free(self) -> None:
        """Nothing was dropped."""


def single_model(pipeline: Pipeline[Any, Any, Any]) -> ModelPool:
    """Returns the open pool of one loaded model."""
    transfers = Transfers(SingleStore(pipeline), LoaderThread(), host_bytes=0, clock=lambda: 0.0)
    described = DescribedModel(pipeline.info.name, pipeline.info)
    pool = ModelPool([described], transfers, device_bytes=0, clock=lambda: 0.0)
    pool.open(lambda: None)
    return pool
