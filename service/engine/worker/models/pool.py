"""Manages the models that a worker serves, which are loaded and leave as images and the operator ask for them.

Runs in the worker's process; belongs to the loop's thread. `scheduling.residency` decides which models are loaded and
leave, and `transfers` moves them beside the calls. A model that has begun images is never moved, and there are never
two copies of one: a model on the host is not on the device.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from pipelines.errors import ModelLoadError
from pipelines.interface import Pipeline
from pipelines.model_info import ModelInfo
from pipelines.progress import Report
from service.engine.messages import ModelState
from service.engine.scheduling.residency import NO_DEMAND, Demand, Move, next_move
from service.engine.worker.models.entry import DescribedModel, ModelEntry
from service.engine.worker.models.transfers import Transfer, Transfers

_ASKED_FOR: Final = Demand(first=(-math.inf, -math.inf))
"""The demand for a model that the operator wants loaded: before every image."""

_log = logging.getLogger(__name__)


class ModelPool:
    """The models of one worker."""

    def __init__(
        self,
        models: Sequence[DescribedModel],
        transfers: Transfers,
        *,
        device_bytes: int,
        clock: Callable[[], float],
    ) -> None:
        """`device_bytes` bounds the weights of the models on the device."""
        self._entries = {model.name: ModelEntry.of(model) for model in models}
        self._transfers = transfers
        self._device_bytes = device_bytes
        self._clock = clock
        self._tell: Callable[[ModelState], object] = lambda _: None
        self._leaving: frozenset[str] = frozenset()
        """Names of models that begin no further images, since another one needs their room."""
        self._default = ""

    def open(self, report: Report) -> Pipeline[Any, Any, Any]:
        """Loads the first model that can be used, which becomes the default one, and returns its pipeline.

        Raises `ModelLoadError` where none can be used.
        """
        for entry in self._entries.values():
            if not entry.failure:
                try:
                    self._transfers.load_now(entry, report)
                except ModelLoadError as error:
                    entry.failure = str(error)
                else:
                    self._default = entry.name
                    return self.pipeline(entry.name)
            if len(self._entries) > 1:
                _log.error("model %s cannot be served: %s", entry.name, entry.failure)
        raise ModelLoadError(next(iter(self._entries.values())).failure)

    def observe(self, tell: Callable[[ModelState], object]) -> None:
        """Calls `tell` from now on with the state of a model whenever it changes."""
        self._tell = tell

    @property
    def loading(self) -> bool:
        """Whether a load is under way."""
        return self._transfers.current is not None

    @property
    def infos(self) -> tuple[ModelInfo, ...]:
        """The models that can be described, the default one first."""
        entries = sorted(self._entries.values(), key=lambda entry: entry.name != self._default)
        return tuple(entry.info for entry in entries if entry.info is not None)

    @property
    def settled(self) -> bool:
        """Whether every usable model is resident and stays so, whatever images ask for."""
        return not self.loading and all(
            entry.failure or (entry.resident and not entry.dismissed) for entry in self._entries.values()
        )

    def info(self, name: str) -> ModelInfo:
        """Returns the description of a model that can be used."""
        info = self._entry(name).info
        assert info is not None, "a model that cannot be described has no images"
        return info

    def serves(self, name: str) -> bool:
        """Returns whether images of this model can be made, now or after a load."""
        entry = self._entries.get(name or self._default)
        return entry is not None and not entry.failure

    def pipeline(self, name: str) -> Pipeline[Any, Any, Any]:
        """Returns the pipeline of a resident model."""
        pipeline = self._entry(name).pipeline
        assert pipeline is not None, "only images of resident models take part in calls"
        return pipeline

    def is_resident(self, name: str) -> bool:
        return self._entry(name).resident

    def may_begin(self, name: str) -> bool:
        """Returns whether images of this model may begin now."""
        entry = self._entry(name)
        return entry.resident and not entry.dismissed and entry.name not in self._leaving

    def wait_s(self, name: str) -> float:
        """Estimates the seconds until the model could be resident if it were loaded next; 0 where it is."""
        return self._transfers.wait_s(self._entry(name))

    def worked(self, name: str, seconds: float) -> None:
        """Counts device seconds of the model's calls."""
        self._entry(name).worked_s += seconds

    def ask_for(self, name: str) -> None:
        """Loads the model before every other, even if its load has failed before."""
        entry = self._entries[name]
        if entry.info is not None:
            entry.failure, entry.asked_for, entry.dismissed = "", not entry.resident, False
        self._tell_state(entry)

    def dismiss(self, name: str) -> None:
        """Cancels the model's load, or unloads it once the images that it has begun are finished."""
        entry = self._entries[name]
        entry.asked_for = False
        if not self._transfers.cancel(entry):
            entry.dismissed = entry.resident or entry.host_copy is not None

    def pin(self, name: str, *, pinned: bool) -> None:
        """Loads the model and keeps it on the device, or stops keeping it there. Does nothing if the largest of the
        other models would then find no room."""
        entry = self._entries[name]
        if pinned and not self._leaves_room(entry):
            _log.warning("model %s is not pinned: the others need its room", name)
        else:
            entry.pinned = pinned
        if entry.pinned and not entry.resident:
            self.ask_for(name)
        self.tell_all()  # Whether another one can be pinned depends on this one.

    def tell_all(self) -> None:
        """Tells the state of each model."""
        for entry in self._entries.values():
            self._tell_state(entry)

    def tell_progress(self) -> None:
        """Tells the state of the model that is being loaded, with the seconds that its load still takes."""
        if self._transfers.current is not None:
            self._tell_state(self._transfers.current.entry)

    def turn(self, demands: Mapping[str, Demand]) -> Transfer | None:
        """Starts the next load when none is under way. `demands` holds the images' demand for each model, by name.

        Returns the load that has ended, if one has: its model is now resident, cannot be used, or was canceled.
        """
        ended = self._transfers.collect()
        if ended is not None:
            for entry in [ended.entry, *ended.leaving]:
                self._tell_state(entry)
        for name, demand in demands.items():
            if demand.any:
                self._entry(name).needed_s = self._clock()
        self._unload_dismissed(demands)
        if self._transfers.current is None:
            self._start_next(demands)
        return ended

    def _start_next(self, demands: Mapping[str, Demand]) -> None:
        standings = [
            entry.standing(
                _ASKED_FOR if entry.asked_for else demands.get(entry.name, NO_DEMAND), self._transfers.wait_s(entry)
            )
            for entry in self._entries.values()
            if not entry.failure
        ]
        move = next_move(standings, self._device_bytes)
        self._leaving = frozenset() if move is None else frozenset(move.leave)
        if move is not None and not any(demands.get(name, NO_DEMAND).begun for name in move.leave):
            self._start(move, demands.get(move.load, NO_DEMAND).first_tenant)

    def _start(self, move: Move, tenant: str) -> None:
        entry, leaving = self._entries[move.load], [self._entries[name] for name in move.leave]
        others = [other for other in self._entries.values() if other is not entry]
        self._transfers.start(entry, leaving, others, tenant)
        self._leaving = frozenset()
        self.tell_all()

    def _unload_dismissed(self, demands: Mapping[str, Demand]) -> None:
        for entry in self._entries.values():
            if entry.dismissed and not demands.get(entry.name, NO_DEMAND).begun:
                entry.dismissed = entry.pinned = False
                self._transfers.drop(entry)
                self._tell_state(entry)

    def _leaves_room(self, pinned: ModelEntry) -> bool:
        others = [entry for entry in self._entries.values() if entry is not pinned]
        pinned_bytes = pinned.size_bytes + sum(entry.size_bytes for entry in others if entry.pinned)
        largest_bytes = max((entry.size_bytes for entry in others if not entry.pinned), default=0)
        return pinned_bytes + largest_bytes <= self._device_bytes

    def _entry(self, name: str) -> ModelEntry:
        """Returns the model that parameters with this name mean."""
        return self._entries[name or self._default]

    def _tell_state(self, entry: ModelEntry) -> None:
        state = ModelState(
            entry.name,
            entry.status,
            reason=entry.failure,
            pinned=entry.pinned,
            wait_s=self._transfers.wait_s(entry),
            pinnable=self._leaves_room(entry),
        )
        self._tell(state)
