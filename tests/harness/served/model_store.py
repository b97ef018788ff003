"""Models that a test loads and moves when it likes: a store in memory, and a loader whose work ends when it is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pipelines.errors import ModelLoadError
from pipelines.fake import INFO, FakePipeline
from pipelines.interface import Pipeline
from pipelines.model_info import ModelInfo
from pipelines.progress import Report
from service.engine.messages import ModelState
from service.engine.types import ModelStatus
from service.engine.worker.models.entry import DescribedModel
from service.engine.worker.models.loader_thread import Outcome
from service.engine.worker.models.pool import ModelPool
from service.engine.worker.models.store import HostCopy, LoadCanceledError
from service.engine.worker.models.transfers import Transfers
from tests.harness.engine.worker_harness import Clock

GB = 1 << 30


def info_of(name: str) -> ModelInfo:
    return replace(INFO, name=name)


@dataclass(eq=False)
class ManualLoader:
    """A loader whose work is done at `finish`."""

    work: Callable[[Report], Pipeline[Any, Any, Any]] | None = None
    canceled: bool = False
    outcome: Outcome[Pipeline[Any, Any, Any]] | None = None

    def start(self, work: Callable[[Report], Pipeline[Any, Any, Any]]) -> None:
        assert self.work is None, "one piece of work at a time"
        self.work, self.canceled = work, False

    def cancel(self) -> None:
        self.canceled = True

    def poll(self) -> Outcome[Pipeline[Any, Any, Any]] | None:
        outcome, self.outcome = self.outcome, None
        return outcome

    def is_busy(self) -> bool:
        return self.work is not None

    def finish(self) -> None:
        assert self.work is not None, "nothing is under way"
        work, self.work = self.work, None
        try:
            self.outcome = Outcome(work(self._report))
        except Exception as error:  # noqa: BLE001 - the pool decides what it means
            self.outcome = Outcome(error=error)

    def _report(self, activity: str = "", *, expected_s: float = 0.0) -> None:
        if self.canceled:
            raise LoadCanceledError


@dataclass(eq=False)
class MemoryStore:
    """Fake pipelines by name. It records what happens to them, in order."""

    broken: Mapping[str, Exception] = field(default_factory=dict)
    """Errors with which loads fail, by name."""
    make: Callable[[ModelInfo], FakePipeline] = lambda info: FakePipeline(info=info)
    log: list[str] = field(default_factory=list)

    def load(self, name: str, report: Report) -> Pipeline[Any, Any, Any]:
        report()
        self.log.append(f"load {name}")
        if name in self.broken:
            raise self.broken[name]
        return self.make(info_of(name))

    def to_host(self, name: str, pipeline: Pipeline[Any, Any, Any]) -> HostCopy:
        self.log.append(f"to host {name}")
        return MemoryCopy(self, name, pipeline)

    def forget(self, name: str) -> None:
        """Do nothing: this store keeps nothing of a model beside the pipeline."""

    def free(self) -> None:
        """Do nothing: fake pipelines hold no memory of a device."""


@dataclass(frozen=True)
class MemoryCopy:
    store: MemoryStore
    name: str
    pipeline: Pipeline[Any, Any, Any]

    def to_device(self, report: Report) -> Pipeline[Any, Any, Any]:
        self.store.log.append(f"to device {self.name}")
        return self.pipeline


class PoolHarness:
    """A pool with models of the given sizes, of which the first is open."""

    def __init__(
        self,
        sizes: Mapping[str, int],
        *,
        device_bytes: int,
        host_bytes: int = 0,
        broken: Mapping[str, Exception] | None = None,
        undescribed: Sequence[str] = (),
        make: Callable[[ModelInfo], FakePipeline] = lambda info: FakePipeline(info=info),
        clock: Clock | None = None,
    ) -> None:
        self.clock = clock or Clock()
        self.loader = ManualLoader()
        self.store = MemoryStore(broken or {}, make)
        self.transfers = Transfers(self.store, self.loader, host_bytes=host_bytes, clock=self.clock)
        self.pool = ModelPool(
            [
                DescribedModel(name, None, failure=f"/models/{name} is broken")
                if name in undescribed
                else DescribedModel(name, info_of(name), size_bytes)
                for name, size_bytes in sizes.items()
            ],
            self.transfers,
            device_bytes=device_bytes,
            clock=self.clock,
        )
        self.told: list[ModelState] = []
        self.pool.observe(self.told.append)

    def status(self, name: str) -> ModelStatus:
        """Returns what was told of the model last."""
        return [state.status for state in self.told if state.name == name][-1]


def broken(name: str) -> ModelLoadError:
    return ModelLoadError(f"/models/{name} has no weights")
