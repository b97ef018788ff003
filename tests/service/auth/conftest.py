"""The databases of the job store's tests, because they hold the table of keys too."""

from __future__ import annotations

from tests.service.jobs.conftest import (  # noqa: F401 -- fixtures are found by their names in this module
    connect,
    database,
    postgres,
    postgres_url,
    sqlite_file,
    sqlite_url,
    url,
)
