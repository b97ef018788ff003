"""Loads one model at a time beside the calls, after moving out those that leave for it, and learns its seconds.

Runs in the worker's process; belongs to the loop's thread, except for `_move`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pipelines.errors import ModelLoadError
from pipelines.interface import Pipeline
from pipelines.progress import Report
from service.engine.costs.load_costs import LoadCosts
from service.engine.scheduling.residency import NO_DEMAND, least_recently_needed
from service.engine.worker.models.entry import ModelEntry
from service.engine.worker.models.loader_thread import Loader, Outcome
from service.engine.worker.models.store import HostCopy, LoadCanceledError, ModelStore

_UNFORESEEN: Final = "The model could not be loaded. The worker's log has the error."

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Transfer:
    """A load under way or ended."""

    entry: ModelEntry
    source: str
    """`disk` or `host`."""
    tenant: str
    """The tenant whose image caused it."""
    started_s: float
    expected_s: float
    leaving: Sequence[ModelEntry]
    copies: dict[str, HostCopy | None] = field(default_factory=dict)
    """Copies on the host of the models that left, by name. The loader's thread writes it until it is done."""
    seconds: float = 0.0
    """Seconds that the transfer took, known after its end."""


class Transfers:
    """The loads of one worker."""

    def __init__(
        self,
        store: ModelStore,
        loader: Loader[Pipeline[Any, Any, Any]],
        *,
        host_bytes: int,
        clock: Callable[[], float],
    ) -> None:
        """`host_bytes` bounds the models on the host; 0 where the device's memory is the host's."""
        self._store = store
        self._loader = loader
        self._host_bytes = host_bytes
        self._clock = clock
        self._costs = LoadCosts()
        self._current: Transfer | None = None

    @property
    def current(self) -> Transfer | None:
        """The load that is under way."""
        return self._current

    def wait_s(self, entry: ModelEntry) -> float:
        """Estimates the seconds until the model could be resident if it were the next one; 0 where it is."""
        if entry.resident or entry.failure:
            return 0.0
        if self._current is not None and self._current.entry is entry:
            return max(0.0, self._current.started_s + self._current.expected_s - self._clock())
        return self._costs.seconds(entry.name, entry.source, entry.size_bytes)

    def load_now(self, entry: ModelEntry, report: Report) -> None:
        """Loads a model from the disk and waits for it. Raises `ModelLoadError`."""
        start_s = self._clock()
        pipeline = self._store.load(entry.name, report)
        self._arrive(entry, "disk", pipeline, self._clock() - start_s)

    def start(
        self, entry: ModelEntry, leaving: Sequence[ModelEntry], others: Iterable[ModelEntry], tenant: str
    ) -> None:
        """Starts to load a model. The `leaving` models are no longer resident from now on.

        `others` are all other models; some of those on the host may have to leave it.
        """
        transfer = Transfer(entry, entry.source, tenant, self._clock(), self.wait_s(entry), leaving)
        kept = self._kept_on_host(leaving, [other for other in others if other.host_copy is not None])
        pipelines = {each.name: each.pipeline for each in leaving if each.pipeline is not None}
        copy, entry.host_copy, entry.loading = entry.host_copy, None, True
        for each in leaving:
            each.pipeline = None
        self._current = transfer
        self._loader.start(lambda report: self._move(transfer, copy, pipelines, kept, report))

    def cancel(self, entry: ModelEntry) -> bool:
        """Cancels the model's load. Returns whether there was one."""
        if self._current is None or self._current.entry is not entry:
            return False
        self._loader.cancel()
        return True

    def collect(self) -> Transfer | None:
        """Returns the load that has ended, if one has. Its model is then resident, has a `failure`, or was canceled."""
        transfer, outcome = self._current, None if self._current is None else self._loader.poll()
        if transfer is None or outcome is None:
            return None
        self._current, transfer.entry.loading = None, False
        transfer.seconds = self._clock() - transfer.started_s
        for each in transfer.leaving:
            each.host_copy = transfer.copies.get(each.name)
        if outcome.result is not None:
            self._arrive(transfer.entry, transfer.source, outcome.result, transfer.seconds)
            _log.info("model %s was loaded from %s in %.1f s", transfer.entry.name, transfer.source, transfer.seconds)
        else:
            _fail(transfer.entry, outcome)
        return transfer

    def drop(self, entry: ModelEntry) -> None:
        """Frees the model's memory on the device and on the host."""
        entry.leave()
        self._store.forget(entry.name)
        self._store.free()

    def _move(
        self,
        transfer: Transfer,
        copy: HostCopy | None,
        pipelines: dict[str, Pipeline[Any, Any, Any]],
        kept: frozenset[str],
        report: Report,
    ) -> Pipeline[Any, Any, Any]:
        """Moves models out and one in. Runs in the loader's thread."""
        for name in [*pipelines]:
            if name in kept:
                transfer.copies[name] = self._store.to_host(name, pipelines[name])
            del pipelines[name]
            self._store.forget(name)
        self._store.free()
        report()
        return self._store.load(transfer.entry.name, report) if copy is None else copy.to_device(report)

    def _kept_on_host(self, leaving: Sequence[ModelEntry], there: Sequence[ModelEntry]) -> frozenset[str]:
        """Returns the leaving models that go to the host, and drops those there that are needed less."""
        candidates = [each.standing(NO_DEMAND, 0.0) for each in [*there, *leaving]]
        excess_bytes = sum(each.size_bytes for each in candidates) - self._host_bytes
        dropped = {each.name for each in least_recently_needed(candidates, excess_bytes)}
        for each in there:
            if each.name in dropped:
                each.host_copy = None
        return frozenset(each.name for each in leaving) - dropped

    def _arrive(self, entry: ModelEntry, source: str, pipeline: Pipeline[Any, Any, Any], seconds: float) -> None:
        entry.arrive(pipeline, self._clock())
        self._costs.learn(entry.name, source, entry.size_bytes, seconds)


def _fail(entry: ModelEntry, outcome: Outcome[Pipeline[Any, Any, Any]]) -> None:
    """Records in the entry that a load failed or was canceled."""
    entry.asked_for = False
    match outcome.error:
        case LoadCanceledError():
            return
        case ModelLoadError():
            entry.failure = str(outcome.error)
        case _:
            entry.failure = _UNFORESEEN
            _log.error("loading model %s raised an error", entry.name, exc_info=outcome.error)
    _log.error("model %s cannot be served: %s", entry.name, entry.failure)
