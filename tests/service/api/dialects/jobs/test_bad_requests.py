"""Requests to /api/v1 that no caller should send are refused as problem details and never repeated."""

from __future__ import annotations

import json
from typing import Any, Final

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.jobs.store.spec_format import MAX_SPEC_BYTES
from tests.harness.wire.http_server import Harness
from tests.service.api.in_process import JOBS, Api

CANARY: Final = "cAnArY7"
JSON: Final = {"Content-Type": "application/json"}
NEVER: Final = f"{JOBS}/job_{'a' * 26}"
"""The path of a job that does not exist."""


def assert_refused(answer: httpx2.Response, status: int) -> list[str]:
    """Returns the pointers to the problems."""
    assert answer.status_code == status, f"{answer.request.url}: {answer.text}"
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(answer.content) <= 4096
    assert CANARY not in answer.text + str(answer.headers)
    problem = answer.json()
    assert set(problem) == {"type", "title", "status", "detail", "code", "errors"}
    assert problem["status"] == status
    assert all(set(error) == {"pointer", "detail"} for error in problem["errors"])
    return [error["pointer"] for error in problem["errors"]]


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"prompt": ["x", {CANARY: 1}]}, ["/prompt/1"]),
        ({"prompt": CANARY * 100_000}, ["/prompt"]),
        ({"prompt": [0] * 101}, ["/prompt"]),
        ({"prompt": "x", "n": CANARY}, ["/n"]),
        ({"prompt": "x", "guidance_scale": float("nan")}, ["/guidance_scale"]),
        ({"prompt": "x", CANARY * 10_000: 1}, [""]),
        ({"prompt": "x", **{f"unknown_{i}": i for i in range(1000)}}, [""] * 20),
        ({"n": 0, "seed": -2, "width": 0}, ["/prompt", "/n", "/seed", "/width"]),
    ],
)
async def test_bad_values_are_refused_each_with_a_pointer_to_it(
    api: Api, body: dict[str, Any], pointers: list[str]
) -> None:
    answer = await api.client.post(JOBS, content=json.dumps(body), headers=JSON)
    assert assert_refused(answer, 422) == pointers
    assert (await api.client.get(JOBS)).json()["data"] == []


async def test_a_matrix_of_too_many_characters_is_refused_before_it_is_expanded(api: Api) -> None:
    alternatives = "|".join("ab" for _ in range(100))
    answer = await api.create_job(prompt=f"{'x' * 10_000}{{{alternatives}}}", prompt_matrix=True)
    assert assert_refused(answer, 422) == ["/prompt"]
    assert str(MAX_SPEC_BYTES) in answer.text


async def test_a_job_that_is_too_large_to_be_stored_is_refused(api: Api) -> None:
    answer = await api.create_job(prompt=[f"{number:04}" * 1000 for number in range(100)])
    assert assert_refused(answer, 413) == []
    assert str(MAX_SPEC_BYTES) in answer.json()["detail"]
    assert (await api.client.get(JOBS)).json()["data"] == []


async def test_an_unknown_model_is_not_found(api: Api) -> None:
    answer = await api.create_job(model=CANARY)
    assert assert_refused(answer, 404) == ["/model"]
    assert answer.json()["code"] == "model_not_found"


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b'{"prompt": "cAnArY7"', JSON, 400),
        (b"[" * 100_000, JSON, 400),
        (b'{"prompt": "x"}', {"Content-Type": "text/plain"}, 415),
        (b'{"prompt": "x"}', {**JSON, "Content-Encoding": "gzip"}, 415),
        (b" " * (2 << 20), JSON, 413),
    ],
)
async def test_a_body_that_is_no_json_object_is_refused(
    api: Api, content: bytes, headers: dict[str, str], status: int
) -> None:
    for path in (JOBS, f"{NEVER}/images/0/links"):
        assert assert_refused(await api.client.post(path, content=content, headers=headers), status) == []


ABSENT: Final = [
    ("GET", f"{JOBS}/{CANARY}", 404),
    ("GET", f"{JOBS}/job_{'A' * 26}", 404),
    ("GET", f"{JOBS}/job_{'a' * 26}%0A", 404),
    ("GET", f"{JOBS}/job_{'a' * 5000}", 404),
    ("GET", f"{JOBS}/", 404),
    ("GET", f"{NEVER}/", 404),
    ("GET", f"{NEVER}/{CANARY}", 404),
    ("GET", f"/api/v2/{CANARY}", 404),
    ("GET", f"{NEVER}/images/{CANARY}", 404),
    ("GET", f"/shared/job_{'a' * 26}/0?expires=1&signature={CANARY}", 404),
    ("GET", f"/shared/job_{'a' * 26}/0?expires={CANARY}&signature={CANARY}", 400),
    ("GET", f"{JOBS}?limit={CANARY}", 400),
    ("GET", f"{JOBS}?status={CANARY}", 400),
    ("GET", f"{JOBS}?cursor={CANARY}", 400),
    ("GET", f"{JOBS}?cursor={'a' * 5000}", 400),
    ("PUT", JOBS, 405),
    ("PATCH", NEVER, 405),
    ("DELETE", JOBS, 405),
    ("GET", f"{NEVER}/cancel", 405),
    ("POST", f"{NEVER}/events", 405),
]
"""Methods and paths that do not exist, and the status of the answer."""


async def test_paths_methods_and_queries_that_do_not_exist_are_refused(api: Api) -> None:
    for method, path, status in ABSENT:
        assert_refused(await api.client.request(method, path), status)


async def test_a_method_that_is_not_there_is_told_all_that_are(api: Api) -> None:
    allowed = {JOBS: "GET, HEAD, POST", NEVER: "GET, HEAD, DELETE", "/livez": "GET, HEAD", f"{NEVER}/cancel": "POST"}
    for path, methods in allowed.items():
        answer = await api.client.patch(path)
        assert (answer.status_code, answer.headers["allow"]) == (405, f"{methods}, OPTIONS")


@pytest.mark.parametrize("host", ["[", "x/docs?", "evil.example", "a b", "%00", ":99999", "x" * 5000])
def test_no_host_header_is_an_internal_error(server: Harness, host: str) -> None:
    for method, path in (("POST", JOBS), ("GET", NEVER), ("GET", "/nowhere")):
        answer = server.client.request(method, path, headers={"Host": host, **JSON})
        assert answer.status_code in (400, 421), answer.text


async def test_no_other_header_is_an_internal_error(api: Api) -> None:
    values = [
        "",
        ",",
        ";;",
        "wait=",
        "wait=-1",
        "wait=1e9",
        "wait=" + "9" * 5000,
        "image/png;q=",
        'W/"',
        CANARY,
        "=" * 9,
    ]
    for name in ("Prefer", "Accept", "If-None-Match", "Last-Event-ID", "X-Request-Id"):
        for value in values:
            for method, path in (("POST", JOBS), ("GET", f"{NEVER}/events"), ("GET", f"{NEVER}/images/0")):
                answer = await api.client.request(method, path, headers={name: value, **JSON}, content=b"{}")
                assert_refused(answer, 422 if path == JOBS else 404)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text("aZ0x{|}\\ \0\ud800\u0661\U0001f600", max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3),
    max_leaves=4,
)
names = st.text("abn_/\\ \0\ud800\u0661", max_size=8) | st.sampled_from(
    ["n", "seed", "width", "sampler", "prompt_matrix"]
)


@settings(max_examples=40, deadline=None, suppress_health_check=[*HealthCheck])
@given(fields=st.dictionaries(names, values, max_size=6))
def test_no_body_is_an_internal_error(server: Harness, fields: dict[str, Any]) -> None:
    body = json.dumps({"prompt": CANARY, **fields, "previews": CANARY}).encode()
    answer = server.client.post(JOBS, content=body, headers=JSON)
    if all(name.isprintable() for name in fields):
        assert "/previews" in assert_refused(answer, 422)
    else:
        assert assert_refused(answer, 400) == []


@pytest.mark.parametrize(
    ("path", "told"),
    [
        (f"{JOBS}?limit=0", "The query parameter limit must be at least 1."),
        (f"{JOBS}?limit=1000", "The query parameter limit must be at most 100."),
        (f"{JOBS}?limit=cAnArY", "The query parameter limit must be a whole number."),
        (f"{JOBS}?status=cAnArY", "The query parameter status must be"),
        (f"{JOBS}?cursor={'x' * 201}", "The query parameter cursor must have at most 200 characters."),
        (f"{JOBS}?cursor=cAnArY", "The query parameter cursor is not valid."),
        ("/api/v1/events", "The query parameter job is missing."),
        ("/api/v1/events?job=cAnArY", "The query parameter job is not valid."),
        (f"/shared/job_{'a' * 26}/0?signature=x", "The query parameter expires is missing."),
        (
            f"/shared/job_{'a' * 26}/0?signature=x&expires=00",
            "The query parameter expires must be a whole number without",
        ),
    ],
)
async def test_an_error_of_a_query_names_the_parameter_and_not_its_value(api: Api, path: str, told: str) -> None:
    answer = await api.client.get(path)
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith(told)
    assert "cAnArY" not in answer.text
