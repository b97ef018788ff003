"""The names that stand for the served model in every dialect."""

from __future__ import annotations

from typing import Final

from pipelines.interface import ModelInfo
from service.errors import UnknownModelError

OPENAI_PREFIXES: Final = ("dall-e-", "gpt-image-", "chatgpt-image-")
"""Prefixes of the names of OpenAI's image models: clients hard-code them, so they stand for the served model."""


def check_model(name: str, model: ModelInfo) -> None:
    """Raises `UnknownModelError` unless `name` is the served model's own name or one of OpenAI's."""
    if name != model.name and not name.startswith(OPENAI_PREFIXES):
        raise UnknownModelError("No model of that name is served; GET /v1/models lists those that are.", field="model")
