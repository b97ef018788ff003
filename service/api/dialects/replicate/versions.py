"""Served models under Replicate's names, which have an owner and versions. Each model has one version."""

from __future__ import annotations

import hashlib
from typing import Final

from pipelines.model_info import ModelInfo
from service.api.generation.model_names import chosen_model
from service.engine.interface import Engine
from service.errors import UnknownModelError

OWNER: Final = "darkroom"
"""The owner in names of models that have none."""


def full_name(model: str) -> str:
    """The name as owner/name."""
    return model if "/" in model else f"{OWNER}/{model}"


def version_id(model: str) -> str:
    """The id of the version of a served model."""
    return hashlib.sha256(model.encode()).hexdigest()


def model_of(owner: str, name: str, engine: Engine) -> ModelInfo:
    """Returns the model that is served under the whole name or, whoever the owner is, under the second part of it.

    Raises `UnknownModelError`, and what `Engine.find_model` raises.
    """
    try:
        return chosen_model(f"{owner}/{name}", engine)
    except UnknownModelError:
        return chosen_model(name, engine)


def model_of_version(version: str, engine: Engine) -> ModelInfo:
    """`version` is the id of a version, a model's name, or both. Raises what `model_of` raises."""
    name, _, wanted = version.rpartition(":")
    by_id = {version_id(model.name): model.name for model in engine.models}
    if wanted in by_id:
        return chosen_model(by_id[wanted], engine)
    owner, _, rest = (name or wanted).rpartition("/")
    return model_of(owner, rest, engine) if owner else chosen_model(rest, engine)
