"""Fixtures: the databases of the job store, which hold the verdicts too, and a moderation service."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.harness.wire.moderation_service import ModerationService, moderating
from tests.levels import integration_fixture
from tests.service.jobs.conftest import (  # noqa: F401 -- fixtures are found by their names in this module
    connect,
    database,
    postgres,
    postgres_url,
    sqlite_file,
    sqlite_url,
    url,
)


@pytest.fixture
@integration_fixture
def service() -> Iterator[ModerationService]:
    with moderating() as service:
        yield service
