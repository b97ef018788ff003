"""Portkey's gateway, between a client and the server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from tests.clients.running import application_environment, environment_folder, parameters
from tests.harness.bundled_server import free_port
from tests.harness.keys import secret_of
from tests.harness.programs.finding import find_program
from tests.harness.programs.running import answers, running, wait_until
from tests.harness.wire.http_server import Harness


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The gateway's address."""
    folder, port = tmp_path_factory.mktemp("portkey"), free_port()
    package = environment_folder("portkey") / "node_modules" / "@portkey-ai" / "gateway"
    command: list[str | Path] = [
        find_program("node"),
        package / "build" / "start-server.js",
        f"--port={port}",
        "--headless",
    ]
    log = folder / "portkey.log"
    with running(command, log, environment=application_environment(folder), cwd=folder) as process:
        wait_until(lambda: answers(f"http://127.0.0.1:{port}/"), f"the gateway, whose log is {log},", process)
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def client(gateway: str, server: Harness) -> Iterator[openai.OpenAI]:
    headers = {"x-portkey-provider": "openai", "x-portkey-custom-host": f"{server.url}/v1"}
    with openai.OpenAI(base_url=f"{gateway}/v1", api_key=secret_of("alice"), default_headers=headers) as client:
        yield client


def test_an_image_comes_through_the_gateway(client: openai.OpenAI, server: Harness) -> None:
    result = client.images.generate(model="gpt-image-1", prompt="a red circle", extra_body={"seed": 7})
    assert result.data is not None
    assert parameters(result.data[0].b64_json or "").startswith("a red circle\n")
    assert server.engine.jobs[-1].tenant == "alice"


def test_a_refusal_comes_through_the_gateway_with_its_sentence(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="size"):
        client.images.generate(model="gpt-image-1", prompt="a red circle", size="huge")
