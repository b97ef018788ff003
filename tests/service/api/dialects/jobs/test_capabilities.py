"""GET /api/v1/capabilities promises what the server does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx2
import pytest

from pipelines.fake import INFO
from pipelines.model_info import SamplerLimits
from pipelines.prompts.lengths import MAX_PROMPT_CHUNKS
from pipelines.sampling import samplers
from service.engine.interface import Phase
from tests.service.api.in_process import JOBS, Api


@pytest.fixture
async def capabilities(api: Api) -> dict[str, Any]:
    answer = await api.client.get("/api/v1/capabilities")
    assert answer.status_code == 200
    api.engine.phase = Phase.LOADING  # Jobs are accepted, but none is begun.
    body: dict[str, Any] = answer.json()
    return body


async def ask(api: Api, **body: object) -> httpx2.Response:
    return await api.client.post(JOBS, json={"prompt": "x", "num_inference_steps": 1, **body})


async def accepted(api: Api, **body: object) -> dict[str, Any]:
    """The request of an accepted job, with its defaults filled in."""
    answer = await ask(api, **body)
    assert answer.status_code == 202, answer.text
    request: dict[str, Any] = answer.json()["request"]
    return request


def test_the_served_model_is_described(capabilities: dict[str, Any]) -> None:
    (model,) = capabilities["models"]
    assert model["id"] == INFO.name
    assert [(size["width"], size["height"]) for size in model["sizes"]] == list(INFO.sizes)
    assert model["prompt_tokens"] == INFO.prompt_tokens
    assert model["long_prompt_tokens"] == MAX_PROMPT_CHUNKS * INFO.prompt_tokens


async def test_a_model_that_makes_edits_is_described_as_one(api: Api) -> None:
    api.engine.info = replace(INFO, reads_image=True, input_kinds=("image",))
    (model,) = (await api.client.get("/api/v1/capabilities")).json()["models"]

    assert (model["inputs"], model["required_inputs"]) == (["image"], ["image"])
    assert model["defaults"]["image_guidance_scale"] == 1.5
    api.engine.phase = Phase.LOADING
    refusal = await ask(api)
    assert [problem["pointer"] for problem in refusal.json()["errors"]] == ["/image"]


async def test_a_job_gets_the_defaults_that_are_listed(api: Api, capabilities: dict[str, Any]) -> None:
    defaults = capabilities["models"][0]["defaults"]
    request = (await api.client.post(JOBS, json={"prompt": "x"})).json()["request"]
    assert {name: request[name] for name in defaults} == defaults


async def test_every_sampler_and_schedule_that_is_listed_is_accepted(api: Api, capabilities: dict[str, Any]) -> None:
    assert [each["name"] for each in capabilities["samplers"]] == list(samplers.SAMPLERS)
    assert capabilities["schedules"] == list(samplers.SCHEDULES)
    for sampler in capabilities["samplers"]:
        for name in (sampler["name"], sampler["label"], *sampler["aliases"]):
            assert (await accepted(api, sampler=name))["sampler"] == sampler["name"]
        for schedule in sampler["schedules"]:
            assert (await accepted(api, sampler=sampler["name"], schedule=schedule))["schedule"] == schedule


async def test_what_a_model_cannot_do_is_not_listed_and_is_refused_before_it_is_accepted(api: Api) -> None:
    api.engine.info = replace(
        INFO,
        samplers=(
            SamplerLimits(name="euler", schedules=("karras",), impossible_steps=(61, 103)),
            SamplerLimits(name="ddim", refusal="The sampler ddim cannot do this model's noise."),
        ),
    )
    listed = (await api.client.get("/api/v1/capabilities")).json()
    api.engine.phase = Phase.LOADING

    (own,) = listed["models"][0]["samplers"]
    assert [(each["name"], each["schedules"]) for each in listed["samplers"]] == [("euler", ["karras"])]
    assert (own["name"], own["max_steps"]) == ("euler", INFO.limits.max_steps)
    assert own["impossible_steps"] == [61, 103]
    assert (await ask(api, sampler="euler", num_inference_steps=60)).status_code == 202
    assert (await ask(api, sampler="euler", schedule="karras", num_inference_steps=61)).status_code == 202
    for asked, field in (
        ({"sampler": "ddim"}, "sampler"),
        ({"sampler": "euler", "num_inference_steps": 61}, "num_inference_steps"),
        ({"sampler": "euler", "schedule": "beta"}, "schedule"),
    ):
        refusal = await ask(api, **asked)
        assert refusal.status_code == 422
        assert [problem["pointer"] for problem in refusal.json()["errors"]] == [f"/{field}"]


async def test_every_format_and_name_of_the_model_that_is_listed_is_accepted(
    api: Api, capabilities: dict[str, Any]
) -> None:
    for output_format in capabilities["output_formats"]:
        assert (await accepted(api, output_format=output_format))["output_format"] == output_format
    for prefix in capabilities["models"][0]["alias_prefixes"]:
        assert (await accepted(api, model=f"{prefix}x"))["model"] == INFO.name


@pytest.mark.parametrize(
    ("field", "limit"), [("n", "max_pictures_per_prompt"), ("previews", "max_previews"), ("seed", "max_seed")]
)
async def test_the_limits_of_a_request_are_accepted_and_one_more_is_refused(
    api: Api, capabilities: dict[str, Any], field: str, limit: str
) -> None:
    most = capabilities["limits"][limit]
    assert (await ask(api, **{field: most})).status_code == 202
    assert (await ask(api, **{field: most + 1})).status_code == 422


@pytest.mark.parametrize(
    ("field", "limit"),
    [("num_inference_steps", "max_steps"), ("guidance_scale", "max_guidance_scale"), ("width", "max_side")],
)
async def test_the_limits_of_the_model_are_accepted_and_more_is_refused(
    api: Api, capabilities: dict[str, Any], field: str, limit: str
) -> None:
    limits = capabilities["models"][0]["limits"]
    most, step = limits[limit], limits["side_multiple"] if field == "width" else 1
    assert (await ask(api, **{field: most})).status_code == 202
    assert (await ask(api, **{field: most + step})).status_code == 422


async def test_while_the_model_is_loaded_nothing_is_promised(api: Api) -> None:
    api.engine.info = None
    answer = await api.client.get("/api/v1/capabilities")
    assert (answer.status_code, answer.json()["code"]) == (503, "engine_unavailable")
    assert answer.headers["retry-after"] == "5"
