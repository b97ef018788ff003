"""Runs all checks of the settings, in the order in which a starting server would meet them."""

from __future__ import annotations

from collections.abc import Callable

from service.cli.checks.access import check_access
from service.cli.checks.database import check_database
from service.cli.checks.findings import Finding
from service.cli.checks.models import check_models
from service.cli.checks.moderation import check_moderation
from service.cli.checks.places import check_cache, check_data, check_listeners
from service.cli.model_checks import CheckedModel, find
from service.settings import Settings


def check_all(settings: Settings, find_model: Callable[..., CheckedModel] = find) -> list[Finding]:
    """Returns all findings. `find_model` checks a model, as `service.cli.model_checks.find` does."""
    database = check_database(settings)
    return [
        *check_models(settings, find_model),
        check_data(settings),
        *check_cache(settings),
        database.finding,
        *check_access(settings, database.keys),
        *check_listeners(settings),
        *check_moderation(settings),
    ]
