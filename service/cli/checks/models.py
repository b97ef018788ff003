"""Checks that each model of the settings is there and can be served. Reads no weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from service.cli.checks.findings import Finding, failed, note, ok
from service.cli.model_checks import CheckedModel, CheckError
from service.server.main import models_of
from service.server.model_list import ListedModel, ModelListError
from service.settings import Settings


def check_models(settings: Settings, find_model: Callable[..., CheckedModel]) -> Iterator[Finding]:
    """Yields a finding for each model. A missing one is no failure if the server may download it."""
    try:
        listed = models_of(settings)
    except ModelListError as error:
        yield failed("models", str(error))
        return
    for model in listed:
        yield _checked(model, settings, find_model)


def _checked(model: ListedModel, settings: Settings, find_model: Callable[..., CheckedModel]) -> Finding:
    what = f"model {model.name or model.source}"
    try:
        return ok(what, str(find_model(model.source, settings, allow_download=False).path))
    except CheckError as error:
        if settings.allow_download and not Path(model.source).exists():
            return note(what, f"{model.source} is not on this machine. The server fetches it when it starts.")
        return failed(what, str(error))
