"""Finds the model that a request means, in every dialect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from pipelines.model_info import ModelInfo
from service.engine.interface import Engine
from service.errors import UnknownModelError

OPENAI_PREFIXES: Final = ("dall-e-", "gpt-image-", "chatgpt-image-")
"""Prefixes of the names of OpenAI's image models: clients hard-code them, so they stand for the default model."""
OPENAI_NAMES: Final = ("dall-e-2", "dall-e-3", "gpt-image-1")
"""Names of OpenAI's image models that are listed. Some clients offer no other names for images."""
PROVIDER: Final = "openai/"
"""The prefix that gateways put before a name, to say whose API is meant."""

FindModel: TypeAlias = Callable[[str], ModelInfo]
"""Finds a served model by a name or an alias. Raises what `Engine.find_model` raises."""


def find_no_model(name: str) -> ModelInfo:
    """Raises `UnknownModelError`, for callers that know one model alone."""
    raise UnknownModelError("No other model is served.", field="model")


def chosen_model(name: str | None, engine: Engine) -> ModelInfo:
    """Returns the model of that name or alias, also behind one `openai/`.

    None and OpenAI's names stand for the default model. Raises `UnknownModelError`, and what `Engine.find_model`
    raises.
    """
    if name == "":
        raise UnknownModelError("The name of a model must not be empty.", field="model")
    try:
        return engine.find_model(name or "")
    except UnknownModelError:
        if name is not None and name.startswith(OPENAI_PREFIXES):
            return engine.model
        if not name or not name.startswith(PROVIDER) or name.startswith(2 * PROVIDER):
            raise
        return chosen_model(name.removeprefix(PROVIDER), engine)
