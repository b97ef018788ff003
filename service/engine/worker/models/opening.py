"""The models that a worker is told to serve: described ones that it loads, or one that is loaded already.

Runs in the worker's process.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, NoReturn, TypeAlias

from pipelines.errors import ModelLoadError
from pipelines.interface import Pipeline
from pipelines.progress import Report, unreported
from service.engine.config import WorkerConfig
from service.engine.worker.device import Device
from service.engine.worker.models.entry import DescribedModel
from service.engine.worker.models.loader_thread import LoaderThread
from service.engine.worker.models.pool import ModelPool
from service.engine.worker.models.store import ModelStore
from service.engine.worker.models.transfers import Transfers


class OpenedModels(NamedTuple):
    """The models that a worker serves, the store that loads them, and their device."""

    models: Sequence[DescribedModel]
    """The models, the default one first."""
    store: ModelStore
    device: Device


Open: TypeAlias = Callable[[WorkerConfig, Report], OpenedModels]
"""Finds and describes the models. It calls its second argument now and then to show that it is alive."""


class LoadedStore:
    """A `ModelStore` of one model that is loaded already."""

    def __init__(self, pipeline: Pipeline[Any, Any, Any]) -> None:
        self._pipeline = pipeline

    def load(self, name: str, report: Report) -> Pipeline[Any, Any, Any]:
        return self._pipeline

    def to_host(self, name: str, pipeline: Pipeline[Any, Any, Any]) -> NoReturn:
        raise AssertionError("there is no other model that could displace it")

    def forget(self, name: str) -> None:
        """Does nothing: the store keeps only this model."""

    def free(self) -> None:
        """Does nothing: no model was dropped."""


def with_aliases(models: Sequence[DescribedModel], aliases: Mapping[str, str]) -> list[DescribedModel]:
    """Returns the models with further aliases, each of which stands for a model's name or alias.

    Raises `ModelLoadError` where there is no such model.
    """
    given: dict[str, list[str]] = {model.name: [] for model in models}
    for alias, name in aliases.items():
        named = (model for model in models if name == model.name or (model.info and name in model.info.aliases))
        model = next(named, None)
        if model is None:
            raise ModelLoadError(f"{alias} is to be an alias of {name}, but there is no such model.")
        given[model.name].append(alias)
    return [_with_further_aliases(model, given[model.name]) for model in models]


def _with_further_aliases(model: DescribedModel, aliases: Sequence[str]) -> DescribedModel:
    """Returns the model with the aliases. One that cannot be described gets none, since no request can name it."""
    if model.info is None:
        return model
    return replace(model, info=replace(model.info, aliases=tuple(dict.fromkeys((*model.info.aliases, *aliases)))))


def check_names(models: Sequence[DescribedModel]) -> None:
    """Raises `ModelLoadError` where a name or an alias could mean two of the models."""
    for name, count in Counter(model.name for model in models).items():
        if count > 1:
            raise ModelLoadError(f"{count} models are called {name}. Give each a name of its own: NAME=PATH.")
    named = {model.name: model.name for model in models}
    for model in models:
        for alias in model.info.aliases if model.info else ():
            other = named.setdefault(alias, model.name)
            if other != model.name:
                raise ModelLoadError(
                    f"{alias} is an alias of {model.name}, and already a name of {other}. Take it out of the aliases "
                    "in the settings, or in the darkroom.json of one of them."
                )


def open_loaded(pipeline: Pipeline[Any, Any, Any], device: Device) -> OpenedModels:
    """Returns one loaded model as all that a worker serves."""
    return OpenedModels([DescribedModel(pipeline.info.name, pipeline.info)], LoadedStore(pipeline), device)


def single_model(pipeline: Pipeline[Any, Any, Any]) -> ModelPool:
    """Returns the open pool of one loaded model."""
    described = [DescribedModel(pipeline.info.name, pipeline.info)]
    transfers = Transfers(LoadedStore(pipeline), LoaderThread(), host_bytes=0, clock=lambda: 0.0)
    pool = ModelPool(described, transfers, device_bytes=0, clock=lambda: 0.0)
    pool.open(unreported)
    return pool
