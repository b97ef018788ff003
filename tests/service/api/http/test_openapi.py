"""The schema at /openapi.json says what the server accepts and answers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any, Final

import pytest
from fastapi import Query

from service.api.http.openapi import DescribedApp
from service.api.http.problems import ProblemOut
from tests.harness.jobs_client import JobsClient
from tests.harness.wire.http_server import Harness

CONFIG: Final = Path(__file__).with_name("schemathesis.toml")
PROGRAM: Final = Path(sys.executable).with_name("schemathesis")
PROBLEM: Final = {"schema": {"$ref": "#/components/schemas/ProblemOut"}}


@pytest.fixture
def schema() -> dict[str, Any]:
    """The schema of two routes with parameters."""
    app = DescribedApp()

    @app.get("/checked", responses={404: {"model": ProblemOut}, 422: {"model": ProblemOut}})
    @app.get("/unchecked")
    async def read(limit: Annotated[int, Query(ge=1)] = 1) -> int:
        return limit

    return app.openapi()


def test_an_answer_that_is_never_sent_is_not_listed(schema: dict[str, Any]) -> None:
    """FastAPI would list its own answer to invalid parameters. The server answers 400, in the shape of a dialect."""
    assert set(schema["paths"]["/unchecked"]["get"]["responses"]) == {"200", "429"}
    assert set(schema["components"]["schemas"]) == {"ProblemOut", "ProblemDetail"}


def test_problems_are_listed_with_their_media_type(schema: dict[str, Any]) -> None:
    responses = schema["paths"]["/checked"]["get"]["responses"]
    assert [responses[status]["content"] for status in ("404", "422")] == [{"application/problem+json": PROBLEM}] * 2


def test_the_largest_seed_is_the_bound_of_a_body_and_no_rounded_one() -> None:
    app, seed = DescribedApp(), {"type": "integer", "minimum": -1, "maximum": 2**63 - 1}
    share = {"type": "number", "minimum": 0.5, "maximum": 1.0}
    body = {"type": "object", "properties": {"seed": {"anyOf": [seed, {"type": "null"}]}, "share": share}}

    @app.post(
        "/x",
        responses={404: {"model": ProblemOut}},
        openapi_extra={"requestBody": {"content": {"application/json": {"schema": body}}}},
    )
    async def make() -> int:
        return 1

    read = json.loads(json.dumps(app.openapi()))["paths"]["/x"]["post"]["requestBody"]["content"]["application/json"]
    assert read["schema"] == body


def test_operations_that_need_a_key_list_the_answer_to_one_whose_quota_is_used_up() -> None:
    app = DescribedApp(open_paths=["/open"])

    @app.get("/open", responses={404: {"model": ProblemOut}})
    @app.get("/keyed", responses={404: {"model": ProblemOut}})
    @app.get("/told", responses={429: {"description": "Later."}})
    async def read() -> int:
        return 1

    schema = app.openapi()
    listed = {path: operations["get"]["responses"].get("429") for path, operations in schema["paths"].items()}
    assert listed["/open"] is None
    assert (listed["/keyed"]["content"], listed["/told"]["description"]) == (
        {"application/problem+json": PROBLEM},
        "Later.",
    )
    for response in (listed["/keyed"], listed["/told"]):
        assert {each["$ref"].rpartition("/")[2] for each in response["headers"].values()} == {
            *schema["components"]["headers"]
        }
    assert {"Retry-After", "RateLimit", "RateLimit-Policy"} <= set(schema["components"]["headers"])


def test_the_schema_is_made_once() -> None:
    app = DescribedApp()

    @app.get("/x", responses={404: {"model": ProblemOut}})
    async def read() -> int:
        return 1

    assert app.openapi() is app.openapi()
    assert app.openapi_json is app.openapi_json


def test_the_server_keeps_to_its_schema_alone_and_from_one_call_to_the_next(
    server: Harness, jobs: JobsClient, tmp_path: Path
) -> None:
    command = [str(PROGRAM), "--config-file", str(CONFIG), "run", f"{server.url}/openapi.json", "--no-color"]
    run = subprocess.run([*command, "--seed", "1"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    operations = sum(map(len, server.client.get("/openapi.json").json()["paths"].values()))
    assert f"{operations} selected / {operations} total" in run.stdout
