"""Every dialect that generates images keeps these contracts. Its routes are found by their schema, not by name."""

from __future__ import annotations

import re
from typing import Any, Final

from service.api.dialects.registry import DIALECTS
from service.api.generation.request import GenerationRequest
from service.api.http.dialect import Dialect, UnknownFields
from service.api.http.request_body import body_schema
from tests.service.api.in_process import JOBS, TENANT, Api
from tests.service.api.whole.operations import Operation

CANARY: Final = "cAnArY7"
NULL: Final = {"type": "null"}
ALICE: Final = {TENANT: "alice"}
BOB: Final = {TENANT: "bob"}


def bounds(schema: dict[str, Any]) -> dict[str, Any]:
    """Returns the part of a schema that concerns values other than null. FastAPI writes bounds as floats."""
    alternatives = [each for each in schema.get("anyOf", [schema]) if each != NULL]
    assert len(alternatives) == 1
    return {
        name: _with_floats(value)
        for name, value in alternatives[0].items()
        if name not in ("title", "description", "default")
    }


def _with_floats(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _with_floats(each) for name, each in value.items() if (name, each) != ("default", None)}
    if isinstance(value, list):
        return [_with_floats(each) for each in value]
    return float(value) if isinstance(value, int) else value


def is_nullable(schema: dict[str, Any]) -> bool:
    return NULL in schema.get("anyOf", ())


async def test_every_generation_parameter_is_accepted_with_the_same_bounds(operations: list[Operation]) -> None:
    shared = body_schema(GenerationRequest, DIALECTS.at(JOBS).body_rules)["properties"]
    for operation in operations:
        properties = operation.body["properties"]
        assert set(shared) <= set(properties)
        assert {name: bounds(properties[name]) for name in shared} == {name: bounds(shared[name]) for name in shared}


async def test_the_same_request_generates_the_same_image(api: Api, operations: list[Operation]) -> None:
    asked: dict[str, Any] = {
        "negative_prompt": "blurry",
        "num_inference_steps": 3,
        "guidance_scale": 2.5,
        "sampler": "Euler",
        "schedule": "karras",
        "seed": 7,
    }
    counts = set()
    for operation in operations:
        if not operation.images:
            asked["n"] = 1 if operation.answers_one_image else 2
            counts.add(asked["n"])
            answer = await operation.send(**asked)
            assert answer.is_success, answer.text
    made = {tuple(job.images) for job in api.engine.jobs}
    (images,) = made
    assert {len(images)} == counts
    assert [(each.negative_prompt, each.sampler, each.seed) for each in images] == [
        ("blurry", "euler", 7 + index) for index in range(len(images))
    ]


async def test_an_unknown_field_is_refused_where_the_schema_is_closed_and_else_ignored_and_named(
    operations: list[Operation],
) -> None:
    for operation in operations:
        answer = await operation.send(promt=CANARY)
        assert CANARY not in answer.text + str(answer.headers)
        if operation.body.get("additionalProperties", True):
            assert answer.is_success
            assert answer.headers["x-ignored-params"] == "promt"
        else:
            assert answer.is_client_error
            assert "promt" in answer.text


async def test_an_alias_that_the_schema_names_stands_for_its_field_and_no_other_spelling_does(
    operations: list[Operation],
) -> None:
    for operation in operations:
        named = {
            alias: name
            for name, schema in operation.body["properties"].items()
            for alias in re.findall(r"\bAlias: (\w+)", schema.get("description", ""))
        }
        for alias in {"cfg_scale", *named}:
            wrong: dict[str, Any] = {alias: {}}  # An object is no value of any field that has an alias.
            answer = await operation.send(**wrong)
            if alias in named:
                assert answer.is_client_error
                assert alias in answer.text
            else:
                assert "no such field" in answer.text or alias in answer.headers["x-ignored-params"]


async def test_the_schema_says_what_the_rules_of_the_dialect_say(dialect: Dialect, operations: list[Operation]) -> None:
    rules = dialect.body_rules
    for operation in operations:
        closed = operation.body.get("additionalProperties", True) is False
        assert closed is (rules.unknown_fields is UnknownFields.REFUSE)
        optional = {
            name: schema for name, schema in operation.body["properties"].items() if name not in operation.required
        }
        assert all(map(is_nullable, optional.values())) is rules.null_is_absent
        assert set(rules.aliases.values()) <= set(operation.body["properties"])


async def test_null_is_accepted_exactly_where_the_schema_permits_it(operations: list[Operation]) -> None:
    for operation in operations:
        for name, schema in operation.body["properties"].items():
            answer = await operation.send(**{name: None})
            assert answer.is_success is is_nullable(schema), (name, answer.text)
            assert answer.is_success or name in answer.text


async def test_a_refused_request_costs_no_image_and_is_not_repeated(api: Api, operations: list[Operation]) -> None:
    for operation in operations:
        for name in operation.body["properties"]:
            wrong: dict[str, Any] = {name: [{CANARY: CANARY}]}
            answer = await operation.send(**wrong)
            assert answer.status_code in (400, 422), (name, answer.text)
            assert name in answer.text
            assert CANARY not in answer.text + str(answer.headers)
    assert api.engine.jobs == []


async def test_images_are_generated_for_the_tenant_of_the_request(api: Api, operations: list[Operation]) -> None:
    for operation in operations:
        api.engine.jobs.clear()
        for tenant in ("alice", "bob"):
            assert (await operation.send(headers={TENANT: tenant})).is_success
        assert [job.tenant for job in api.engine.jobs] == ["alice", "bob"]


async def test_streams_are_generated_for_the_tenant_of_the_request(api: Api, operations: list[Operation]) -> None:
    for operation in operations:
        if "stream" in operation.body["properties"]:
            api.engine.jobs.clear()
            assert (await operation.send(headers=ALICE, stream=True)).is_success
            assert [job.tenant for job in api.engine.jobs] == ["alice"]


async def test_stored_images_belong_to_the_tenant_of_the_request(api: Api, operations: list[Operation]) -> None:
    storing = 0
    for operation in operations:
        fields = {"response_format": "url"} if "response_format" in operation.body["properties"] else {}
        answer = await operation.send(headers=ALICE, **fields)
        assert answer.is_success
        storing += operation.stores or any(f"/{name}/" in answer.text for name in ("images", "shared"))
    listed = (await api.client.get(JOBS, headers=ALICE)).json()["data"]
    assert len(listed) == storing
    assert (await api.client.get(JOBS, headers=BOB)).json()["data"] == []


async def test_no_route_shows_a_tenant_the_job_of_another(api: Api) -> None:
    """Every operation with a job's id in its path, but for signed links, which anybody may follow."""
    job = (await api.create_job(headers=ALICE)).json()
    tried = []
    for method, path in api.operations:
        if "{job_id}" in path and not path.startswith("/shared/"):
            url = path.replace("{job_id}", job["id"]).replace("{index}", "0")
            body: dict[str, Any] | None = {} if "requestBody" in api.operations[method, path] else None
            answer = await api.client.request(method, url, headers=BOB, json=body)
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), (method, path)
            tried.append(path)
    assert len(tried) >= 7
    unchanged = await api.client.get(job["urls"]["self"], headers=ALICE)
    assert unchanged.json() == job


def has_type(value: object, schema: dict[str, Any]) -> bool:
    """Returns whether a JSON value has one of the types that a schema permits."""
    kinds: dict[str, type | tuple[type, ...]] = {
        "string": str, "integer": int, "number": (int, float), "array": list, "null": type(None), "object": dict,
        "boolean": bool,
    }  # fmt: skip
    return any(isinstance(value, kinds[each["type"]]) for each in schema.get("anyOf", [schema]))


async def test_the_request_of_a_jobs_answer_matches_the_schema(api: Api) -> None:
    schema = api.app.openapi()["components"]["schemas"]["ResolvedRequest"]
    request = (await api.create_job(schedule="karras", sampler="euler")).json()["request"]
    assert set(request) == set(schema["properties"]) == set(schema["required"])
    assert schema["additionalProperties"] is False
    assert {name: value for name, value in request.items() if not has_type(value, schema["properties"][name])} == {}


async def test_a_job_that_is_asked_for_again_by_its_request_makes_the_same_images(api: Api) -> None:
    first = (await api.create_job(prompt=["a", "b"], n=2, negative_prompt="blurry", width=160)).json()
    again = {name: value for name, value in first["request"].items() if value is not None}
    prompts = again.pop("prompts")
    second = (await api.create_job(**again, prompt=prompts, seed=first["seeds"][0])).json()
    assert [image["sha256"] for image in second["images"]] == [image["sha256"] for image in first["images"]]
