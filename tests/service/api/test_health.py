"""What probes, scrapers and curious clients may ask."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx2
import openai
import pytest

from pipelines.fake import INFO
from service.engine.interface import Phase
from tests.harness.http_server import Harness


def get(server: Harness, path: str) -> httpx2.Response:
    return server.client.get(path)


@pytest.mark.parametrize("path", ["/readyz", "/health"])
def test_readiness_is_the_engines_phase(server: Harness, path: str) -> None:
    assert get(server, path).json() == {"status": "ready", "phase": "serving", "store": "available"}
    for phase in set(Phase) - {Phase.SERVING}:
        server.engine.phase = phase
        answer = get(server, path)
        assert answer.status_code == 503
        assert answer.json() == {"status": "not ready", "phase": phase, "store": "available"}


def test_liveness_does_not_depend_on_the_engine(server: Harness) -> None:
    server.engine.phase = Phase.FAILED
    assert get(server, "/livez").status_code == 200
    assert server.client.head("/livez").status_code == 200


def test_a_burst_of_requests_does_not_make_the_server_unready(server: Harness) -> None:
    with ThreadPoolExecutor(64) as callers:
        answers = [callers.submit(server.post, prompt="x", steps=1) for _ in range(1500)]
        probes = [get(server, "/readyz").status_code]
        while not all(answer.done() for answer in answers):
            probes.append(get(server, "/readyz").status_code)

    assert set(probes) == {200}
    assert {answer.result().status_code for answer in answers} == {200}


def test_metrics_are_on_the_admin_listener_alone(server: Harness) -> None:
    assert get(server, "/metrics").status_code == 404
    answer = server.client.get(f"{server.admin_url}/metrics")
    assert answer.status_code == 200
    assert "darkroom_ready 1.0" in answer.text
    assert server.client.get(f"{server.admin_url}/v1/models").status_code == 404


def counted(server: Harness, sample: str) -> float:
    """A counter's value by now; 0 where it has none."""
    lines = server.client.get(f"{server.admin_url}/metrics").text.splitlines()
    return sum(float(line.removeprefix(f"{sample} ")) for line in lines if line.startswith(f"{sample} "))


def test_metrics_count_jobs_and_requests_by_how_they_ended(server: Harness, client: openai.OpenAI) -> None:
    succeeded = 'darkroom_jobs_total{outcome="succeeded",reason=""}'
    unmatched = 'darkroom_http_requests_total{method="GET",route="unmatched",status="404"}'
    before = counted(server, succeeded), counted(server, unmatched)
    client.images.generate(prompt="x", extra_body={"steps": 1})
    get(server, "/nowhere/cAnArY7")

    assert (counted(server, succeeded), counted(server, unmatched)) == (before[0] + 1, before[1] + 1)
    assert "cAnArY7" not in server.client.get(f"{server.admin_url}/metrics").text


def test_the_served_model_is_listed(client: openai.OpenAI) -> None:
    (model,) = client.models.list()
    assert (model.id, model.object, model.owned_by) == (INFO.name, "model", "darkroom")
    assert (model.model_extra or {})["sizes"][0] == "128x128"
    assert client.models.retrieve(INFO.name) == model
    assert client.models.retrieve("dall-e-3") == model
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("another")


def test_the_schema_is_served_and_no_page_that_loads_scripts_from_elsewhere(server: Harness) -> None:
    schema = get(server, "/openapi.json").json()
    body = schema["paths"]["/v1/images/generations"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert {"prompt", "seed", "negative_prompt", "partial_images"} <= set(body["properties"])
    assert get(server, "/docs").status_code == get(server, "/redoc").status_code == 404


def test_no_origin_is_allowed_to_read_answers(server: Harness) -> None:
    answer = server.client.get("/v1/models", headers={"Origin": "https://example.org"})
    assert not [name for name in answer.headers if name.startswith("access-control-")]
