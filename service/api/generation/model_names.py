"""Which model a request means, in every dialect."""

from __future__ import annotations

from typing import Final

from pipelines.model_info import ModelInfo
from service.engine.interface import Engine
from service.errors import UnknownModelError

OPENAI_PREFIXES: Final = ("dall-e-", "gpt-image-", "chatgpt-image-")
"""Prefixes of the names of OpenAI's image models: clients hard-code them, so they stand for the default model."""


def chosen_model(name: str | None, engine: Engine) -> ModelInfo:
    """Returns the model of that name or alias. None and OpenAI's names stand for the default model.

    Raises `UnknownModelError`, and what `Engine.find_model` raises.
    """
    if name == "":
        raise UnknownModelError("The name of a model must not be empty.", field="model")
    try:
        return engine.find_model(name or "")
    except UnknownModelError:
        if name is not None and name.startswith(OPENAI_PREFIXES):
            return engine.model
        raise
