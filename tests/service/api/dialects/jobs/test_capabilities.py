"""GET /api/v1/capabilities: what it promises is what the server does."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.fake import INFO
from pipelines.sampling import samplers
from service.engine.interface import Phase
from tests.harness.http_server import Harness
from tests.harness.jobs_client import JobsClient


@pytest.fixture
def capabilities(server: Harness) -> dict[str, Any]:
    answer = server.client.get("/api/v1/capabilities")
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json()
    return body


def test_the_served_model_is_described(capabilities: dict[str, Any]) -> None:
    (model,) = capabilities["models"]
    assert model["id"] == INFO.name
    assert model["sizes"][0] == {"width": 128, "height": 128}
    assert model["defaults"] == {
        "width": 128,
        "height": 128,
        "num_inference_steps": INFO.default_steps,
        "guidance_scale": INFO.default_guidance_scale,
        "sampler": INFO.default_sampler,
    }


def test_the_defaults_are_those_that_a_job_gets(capabilities: dict[str, Any], jobs: JobsClient) -> None:
    made = jobs.post(prompt="x").json()["request"]
    defaults = capabilities["models"][0]["defaults"]
    assert {name: made[name] for name in defaults} == defaults


def test_every_name_that_is_listed_is_taken(server: Harness, capabilities: dict[str, Any], jobs: JobsClient) -> None:
    server.engine.phase = Phase.LOADING
    assert [each["name"] for each in capabilities["samplers"]] == list(samplers.SAMPLERS)
    for sampler in capabilities["samplers"]:
        for name in (sampler["name"], sampler["label"], *sampler["aliases"]):
            assert jobs.create(sampler=name)["request"]["sampler"] == sampler["name"]
        for schedule in sampler["schedules"]:
            assert jobs.create(sampler=sampler["name"], schedule=schedule)["request"]["schedule"] == schedule
    for output_format in capabilities["output_formats"]:
        assert jobs.create(output_format=output_format)["request"]["output_format"] == output_format
    for prefix in capabilities["models"][0]["alias_prefixes"]:
        assert jobs.create(model=f"{prefix}x")["request"]["model"] == INFO.name


@pytest.mark.parametrize(
    ("field", "limit"),
    [
        ("n", "max_pictures_per_prompt"),
        ("previews", "max_previews"),
        ("seed", "max_seed"),
    ],
)
def test_a_requests_limits_are_taken_and_one_more_is_not(
    capabilities: dict[str, Any], jobs: JobsClient, field: str, limit: str
) -> None:
    most = capabilities["limits"][limit]
    assert jobs.post(prompt="x", num_inference_steps=1, **{field: most}).status_code == 202
    assert jobs.post(prompt="x", num_inference_steps=1, **{field: most + 1}).status_code == 422


@pytest.mark.parametrize(
    ("field", "limit"),
    [
        ("num_inference_steps", "max_steps"),
        ("guidance_scale", "max_guidance_scale"),
        ("width", "max_side"),
    ],
)
def test_the_models_limits_are_taken_and_more_is_not(
    server: Harness, capabilities: dict[str, Any], jobs: JobsClient, field: str, limit: str
) -> None:
    limits = capabilities["models"][0]["limits"]
    most, step = limits[limit], limits["side_multiple"] if field == "width" else 1
    assert jobs.post(**{"prompt": "x", "num_inference_steps": 1, field: most}).status_code == 202
    assert jobs.post(**{"prompt": "x", "num_inference_steps": 1, field: most + step}).status_code == 422


def test_while_the_model_is_loaded_nothing_is_promised(server: Harness) -> None:
    server.engine.info = None
    answer = server.client.get("/api/v1/capabilities")
    assert (answer.status_code, answer.json()["code"]) == (503, "engine_unavailable")
    assert answer.headers["retry-after"] == "5"
