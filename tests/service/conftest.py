"""Fixtures around a real HTTP server with the fake engine."""

from __future__ import annotations

from collections.abc import Iterator

import openai
import pytest

from service.observability import logs
from service.settings import Settings
from tests.harness.http_server import Harness, serve_in_thread, wait_until
from tests.harness.jobs_client import JobsClient
from tests.levels import integration_fixture


@pytest.fixture(scope="session", autouse=True)
def logging() -> None:
    logs.configure("warning", "json")


@pytest.fixture(scope="module")
@integration_fixture
def shared_server() -> Iterator[Harness]:
    yield from serve_in_thread(Settings(port=0, admin_port=None))


@pytest.fixture
def server(shared_server: Harness) -> Harness:
    """The module's server, its engine as new."""
    shared_server.engine.reset()
    return shared_server


@pytest.fixture
def jobs(server: Harness) -> Iterator[JobsClient]:
    """The jobs of the module's server, which has none before and after."""
    jobs = JobsClient(server.client)
    yield jobs
    server.engine.let_go()
    jobs.delete_all()
    wait_until(lambda: server.engine.idle)


@pytest.fixture
def client(server: Harness) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", timeout=60) as client:
        yield client
