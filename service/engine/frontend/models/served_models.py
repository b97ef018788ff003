"""Knows the models of an engine for its callers: their names, their aliases, and where each one is.

Runs in the server's process. The workers of several devices serve the same models, each with memory of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pipelines.model_info import ModelInfo
from service.engine.frontend.device_worker import DeviceWorker
from service.engine.interface import ModelWish, ServedModel
from service.engine.messages import LoadModel, ModelState, PinModel, ToWorker, UnloadModel
from service.engine.types import ModelStatus
from service.errors import ModelUnusableError, PinRefusedError, UnknownModelError

_BEST_FIRST: Final = (
    ModelStatus.RESIDENT,
    ModelStatus.LOADING,
    ModelStatus.HOST,
    ModelStatus.DISK,
    ModelStatus.FAILED,
)
"""Statuses from best to worst. Of a model's statuses in several workers the best is shown."""


class ServedModels:
    """The models of all workers."""

    def __init__(self, workers: Sequence[DeviceWorker]) -> None:
        self._workers = workers
        self._infos: dict[str, ModelInfo] = {}
        """Models by name, the default one first, as the first worker reported them."""

    @property
    def default(self) -> ModelInfo | None:
        """The model of requests that name none; None before a worker is ready."""
        return next(iter(self._infos.values()), None)

    def learn(self, models: Sequence[ModelInfo]) -> None:
        """Takes over the models of a worker that is ready. All workers serve the same, so the first one decides."""
        if not self._infos:
            self._infos = {model.name: model for model in models}

    def find(self, name: str) -> ModelInfo:
        """Returns the model of that name or alias; an empty name stands for the default one.

        Raises `UnknownModelError` and `ModelUnusableError`.
        """
        info = self._infos.get(self._full_name(name)) if name else self.default
        if info is None or self._state(info.name).status is ModelStatus.FAILED:
            raise ModelUnusableError("The model cannot be loaded. The server's log says why.")
        return info

    def listed(self) -> tuple[ServedModel, ...]:
        """Returns all models, the default one first, with those that cannot be used."""
        return tuple(self._listed(name) for name in self._names())

    def message(self, name: str, wish: ModelWish) -> ToWorker:
        """Returns the message that tells a worker the wish for the model of that name or alias.

        Raises `UnknownModelError` and `PinRefusedError`.
        """
        name = self._full_name(name)
        if wish is ModelWish.PIN and not all(state.pinnable for state in self._states(name)):
            raise PinRefusedError(
                f"{name} cannot be pinned: the largest of the other models would find no room beside the pinned ones. "
                "Unpin another model, or raise the server's max_model_bytes."
            )
        match wish:
            case ModelWish.LOAD:
                return LoadModel(name)
            case ModelWish.UNLOAD:
                return UnloadModel(name)
            case ModelWish.PIN | ModelWish.UNPIN:
                return PinModel(name, pinned=wish is ModelWish.PIN)

    def _full_name(self, name: str) -> str:
        """Returns the name of the model of that name or alias. Raises `UnknownModelError`."""
        if name in self._names():
            return name
        by_alias = (info.name for info in self._infos.values() if name in info.aliases)
        found = next(by_alias, None)
        if found is None:
            raise UnknownModelError(
                "No model of that name is served; GET /v1/models lists those that are.", field="model"
            )
        return found

    def _names(self) -> list[str]:
        """Returns the names of all models; those that no worker could describe come last."""
        told = (name for worker in self._workers for name in worker.models)
        return list(dict.fromkeys([*self._infos, *told]))

    def _listed(self, name: str) -> ServedModel:
        state = self._state(name)
        return ServedModel(
            name=name,
            info=self._infos.get(name),
            status=state.status,
            reason=state.reason,
            pinned=state.pinned,
            wait_s=state.wait_s,
        )

    def _state(self, name: str) -> ModelState:
        unknown = ModelState(name, ModelStatus.DISK)
        return min(
            self._states(name), key=lambda state: (_BEST_FIRST.index(state.status), state.wait_s), default=unknown
        )

    def _states(self, name: str) -> list[ModelState]:
        """Returns the state of the model in each worker that has reported it."""
        return [worker.models[name] for worker in self._workers if name in worker.models]
