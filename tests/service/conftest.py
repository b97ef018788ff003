"""Fixtures around a real HTTP server with the fake engine. Whatever listens on a socket here comes from `serve`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from service.observability import logs
from tests.harness.jobs_client import JobsClient
from tests.harness.wire.http_server import Harness, wait_until
from tests.levels import integration_fixture
from tests.service.serving import Serve, serve

if TYPE_CHECKING:
    import openai


@pytest.fixture(scope="session", autouse=True)
def logging() -> None:
    logs.configure("warning", "json")


@pytest.fixture(scope="session", name="serve")
@integration_fixture
def serve_fixture() -> Serve:
    return serve


@pytest.fixture(scope="module")
def shared_server(serve: Serve) -> Iterator[Harness]:
    with serve() as server:
        yield server


@pytest.fixture
def server(shared_server: Harness) -> Harness:
    """The module's server; its engine is reset before each test."""
    shared_server.engine.reset()
    return shared_server


@pytest.fixture
def jobs(server: Harness) -> Iterator[JobsClient]:
    """The job API of the module's server. Every test begins and ends without jobs."""
    jobs = JobsClient(server.client)
    yield jobs
    server.engine.let_go()
    jobs.delete_all()
    wait_until(lambda: server.engine.idle)


@pytest.fixture
def client(server: Harness) -> Iterator[openai.OpenAI]:
    import openai

    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", timeout=60) as client:
        yield client
