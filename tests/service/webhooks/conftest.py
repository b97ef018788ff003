"""The databases of the job store's tests: the tables of webhooks are in the same ones. And receivers of webhooks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.harness.wire.webhook_receiver import Receiver, receiving
from tests.levels import integration_fixture
from tests.service.jobs.conftest import (  # noqa: F401 -- fixtures are found by their names in this module
    claims,
    connect,
    database,
    postgres,
    postgres_url,
    repository,
    sqlite_file,
    sqlite_url,
    url,
    waiting,
)


@pytest.fixture
@integration_fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver
