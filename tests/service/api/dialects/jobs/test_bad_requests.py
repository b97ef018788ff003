"""What no caller should send to /api/v1: refused as problem details that point at it, never repeated, never begun."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.api.dialects.jobs.schemas import JobRequest
from tests.harness.http_server import Harness
from tests.harness.jobs_client import ROOT

CANARY = "cAnArY7"
JSON = {"Content-Type": "application/json"}
NEVER = f"{ROOT}/job_{'a' * 26}"


def post_raw(server: Harness, body: bytes, headers: dict[str, str] | None = None) -> httpx2.Response:
    return server.client.post(ROOT, content=body, headers=headers or JSON)


def assert_refused(answer: httpx2.Response, status: int, server: Harness) -> list[str]:
    """The pointers of what is wrong."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(answer.content) <= 4096
    assert CANARY not in answer.text + str(answer.headers)
    problem = answer.json()
    assert set(problem) == {"type", "title", "status", "detail", "code", "errors"}
    assert problem["status"] == status
    assert all(set(error) == {"pointer", "detail"} for error in problem["errors"])
    assert server.engine.jobs == []
    return [error["pointer"] for error in problem["errors"]]


@pytest.mark.parametrize(
    ("fields", "pointers"),
    [
        ("{}", ["/prompt"]),
        ('{"prompt": ""}', ["/prompt/0"]),
        ('{"prompt": null}', ["/prompt"]),
        ('{"prompt": 7}', ["/prompt"]),
        ('{"prompt": []}', ["/prompt"]),
        ('{"prompt": ["x", ""]}', ["/prompt/1"]),
        ('{"prompt": ["x", {"cAnArY7": 1}]}', ["/prompt/1"]),
        (json.dumps({"prompt": ["x"] * 101}), ["/prompt"]),
        (json.dumps({"prompt": ["x"] * 11, "n": 10}), ["/n"]),
        (r'{"prompt": "cAnArY7\ud800"}', ["/prompt/0"]),
        (r'{"prompt": "cAnArY7\u0000"}', ["/prompt/0"]),
        (json.dumps({"prompt": CANARY * 1000}), ["/prompt"]),
        (json.dumps({"prompt": CANARY * 100_000}), ["/prompt"]),
        (json.dumps({"prompt": "{a|b}" * 30, "prompt_matrix": True}), ["/prompt"]),
        (json.dumps({"prompt": "{" + "|" * 1000 + "}", "prompt_matrix": True}), ["/prompt"]),
        (json.dumps({"prompt": "{a|b}{a|b}{a|b}{a|b}", "prompt_matrix": True, "n": 10}), ["/n"]),
        ('{"prompt": "{|}", "prompt_matrix": true}', ["/prompt"]),
        ('{"prompt": "x", "prompt_matrix": "yes"}', ["/prompt_matrix"]),
        ('{"prompt": "x", "prompt_matrix": 1}', ["/prompt_matrix"]),
        (r'{"prompt": "x", "negative_prompt": "\udfff"}', ["/negative_prompt"]),
        ('{"prompt": "x", "negative_prompt": null}', ["/negative_prompt"]),
        (json.dumps({"prompt": "x", "negative_prompt": CANARY * 1000}), ["/negative_prompt"]),
        ('{"prompt": "x", "n": 0}', ["/n"]),
        ('{"prompt": "x", "n": 11}', ["/n"]),
        ('{"prompt": "x", "n": 1000000000}', ["/n"]),
        ('{"prompt": "x", "n": true}', ["/n"]),
        ('{"prompt": "x", "n": "cAnArY7"}', ["/n"]),
        ('{"prompt": "x", "n": 1.5}', ["/n"]),
        ('{"prompt": "x", "n": 1' + "0" * 5000 + "}", ["/n"]),
        ('{"prompt": "x", "width": 7}', ["/width"]),
        ('{"prompt": "x", "height": 132}', ["/height"]),
        ('{"prompt": "x", "width": 0}', ["/width"]),
        ('{"prompt": "x", "width": 1000000000, "height": 1000000000}', ["/width"]),
        ('{"prompt": "x", "width": 99999999999999999999999}', ["/width"]),
        ('{"prompt": "x", "width": "128"}', ["/width"]),
        ('{"prompt": "x", "seed": -2}', ["/seed"]),
        ('{"prompt": "x", "seed": 9223372036854775808}', ["/seed"]),
        ('{"prompt": "x", "seed": 9223372036854775807, "n": 2}', ["/seed"]),
        ('{"prompt": ["x", "y"], "seed": 9223372036854775807}', ["/seed"]),
        ('{"prompt": "x", "num_inference_steps": 0}', ["/num_inference_steps"]),
        ('{"prompt": "x", "num_inference_steps": 100000}', ["/num_inference_steps"]),
        ('{"prompt": "x", "sampler": "lcm", "num_inference_steps": 51}', ["/num_inference_steps"]),
        ('{"prompt": "x", "guidance_scale": NaN}', ["/guidance_scale"]),
        ('{"prompt": "x", "guidance_scale": -Infinity}', ["/guidance_scale"]),
        ('{"prompt": "x", "guidance_scale": 1e999}', ["/guidance_scale"]),
        ('{"prompt": "x", "guidance_scale": 1000}', ["/guidance_scale"]),
        ('{"prompt": "x", "guidance_scale": -1}', ["/guidance_scale"]),
        ('{"prompt": "x", "sampler": "cAnArY7"}', ["/sampler"]),
        ('{"prompt": "x", "sampler": "ddim", "schedule": "cAnArY7"}', ["/schedule"]),
        ('{"prompt": "x", "output_format": "cAnArY7"}', ["/output_format"]),
        ('{"prompt": "x", "output_compression": 101}', ["/output_compression"]),
        ('{"prompt": "x", "previews": -1}', ["/previews"]),
        ('{"prompt": "x", "previews": 11}', ["/previews"]),
        ('{"prompt": "x", "priority": "cAnArY7"}', ["/priority"]),
        ('{"prompt": "x", "deadline_s": 0}', ["/deadline_s"]),
        ('{"prompt": "x", "deadline_s": Infinity}', ["/deadline_s"]),
        ('{"prompt": "x", "promt": "y"}', ["/promt"]),
        ('{"prompt": "x", "cAnArY7 \\u0000": 1}', [""]),
        (json.dumps({"prompt": "x", CANARY * 10_000: 1}), [""]),
        (json.dumps({"prompt": "x", **{f"unknown_{i}": i for i in range(1000)}}), [f"/unknown_{i}" for i in range(20)]),
        ('{"n": 0, "seed": -2, "width": 0}', ["/prompt", "/n", "/seed", "/width"]),
    ],
)  # fmt: skip
def test_a_bad_value_is_refused_and_pointed_at(server: Harness, fields: str, pointers: list[str]) -> None:
    assert assert_refused(post_raw(server, fields.encode()), 422, server) == pointers


def test_a_model_that_nobody_knows_is_not_found(server: Harness) -> None:
    answer = post_raw(server, b'{"prompt": "x", "model": "cAnArY7"}')
    assert assert_refused(answer, 404, server) == ["/model"]
    assert answer.json()["code"] == "model_not_found"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"cAnArY7",
        b'{"prompt": "cAnArY7"',
        b'["cAnArY7"]',
        b'{"prompt": "\xff"}',
        b"\xff\xfe{\x00}\x00",
        b'{"prompt": "a", "prompt": "b"}',
        b'{"a":' * 100_000,
        b"[" * 100_000,
    ],
)
def test_what_is_no_json_object_is_refused(server: Harness, body: bytes) -> None:
    for path in (ROOT, f"{NEVER}/images/0/links"):
        answer = server.client.post(path, content=body, headers=JSON)
        assert assert_refused(answer, 400, server) == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": ""},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
def test_what_is_not_said_to_be_plain_json_is_an_unsupported_media_type(
    server: Harness, headers: dict[str, str]
) -> None:
    assert assert_refused(post_raw(server, b'{"prompt": "x"}', headers), 415, server) == []


def test_a_body_over_the_cap_is_refused(server: Harness) -> None:
    assert assert_refused(post_raw(server, b" " * (2 << 20)), 413, server) == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", f"{ROOT}/{CANARY}", 404),
        ("GET", f"{ROOT}/job_{'A' * 26}", 404),
        ("GET", f"{ROOT}/job_{'a' * 26}%0A", 404),
        ("GET", f"{ROOT}/job_{'a' * 5000}", 404),
        ("GET", f"{ROOT}/", 404),
        ("GET", f"{NEVER}/", 404),
        ("GET", f"{NEVER}/{CANARY}", 404),
        ("GET", f"/api/v2/{CANARY}", 404),
        ("GET", f"{NEVER}/images/{CANARY}", 404),
        ("GET", f"/shared/job_{'a' * 26}/0?expires=1&signature={CANARY}", 404),
        ("GET", f"/shared/job_{'a' * 26}/0?expires={CANARY}&signature={CANARY}", 400),
        ("GET", f"{ROOT}?limit={CANARY}", 400),
        ("GET", f"{ROOT}?status={CANARY}", 400),
        ("GET", f"{ROOT}?cursor={CANARY}", 400),
        ("GET", f"{ROOT}?cursor={'a' * 5000}", 400),
        ("PUT", ROOT, 405),
        ("PATCH", NEVER, 405),
        ("DELETE", ROOT, 405),
        ("GET", f"{NEVER}/cancel", 405),
        ("POST", f"{NEVER}/events", 405),
        ("OPTIONS", ROOT, 405),
    ],
)
def test_what_is_not_there_is_refused_without_repeating_it(
    server: Harness, method: str, path: str, status: int
) -> None:
    assert_refused(server.client.request(method, path), status, server)


@pytest.mark.parametrize(
    ("path", "allowed"),
    [(ROOT, "GET, POST"), (NEVER, "GET, DELETE"), ("/livez", "GET, HEAD"), (f"{NEVER}/cancel", "POST")],
)
def test_a_method_that_is_not_there_is_told_all_that_are(server: Harness, path: str, allowed: str) -> None:
    answer = server.client.request("PATCH", path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


@pytest.mark.parametrize("host", ["[", "x/docs?", "evil.example", "a b", "%00", ":99999", "x" * 5000])
def test_no_host_that_a_caller_claims_is_an_error_of_ours(server: Harness, host: str) -> None:
    for method, path in (("POST", ROOT), ("GET", NEVER), ("GET", "/nowhere")):
        answer = server.client.request(method, path, headers={"Host": host, **JSON})
        assert answer.status_code in (400, 404), answer.text


@pytest.mark.parametrize("header", ["Prefer", "Accept", "If-None-Match", "Last-Event-ID", "X-Request-Id"])
@pytest.mark.parametrize(
    "value",
    ["", ",", ";;", "wait=", "wait=-1", "wait=1e9", "wait=" + "9" * 5000, "image/png;q=", 'W/"', CANARY, "=" * 9],
)
def test_no_header_is_an_error_of_ours(server: Harness, header: str, value: str) -> None:
    for method, path in (("POST", ROOT), ("GET", f"{NEVER}/events"), ("GET", f"{NEVER}/images/0")):
        answer = server.client.request(method, path, headers={header: value, **JSON}, content=b"{}")
        assert_refused(answer, 422 if path == ROOT else 404, server)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text("aZ0x{|}\\ \0\ud800\u0661\U0001f600", max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3),
    max_leaves=4,
)
names = st.sampled_from([*JobRequest.model_fields, "steps", "lora"])


@settings(max_examples=40, deadline=None, suppress_health_check=[*HealthCheck])
@given(fields=st.dictionaries(names, values, max_size=6))
def test_no_body_at_all_is_an_error_of_ours(server: Harness, fields: dict[str, Any]) -> None:
    server.engine.reset()
    answer = post_raw(server, json.dumps({"prompt": CANARY, **fields, "previews": CANARY}).encode())
    assert "/previews" in assert_refused(answer, 422, server)


@settings(max_examples=40, deadline=None, suppress_health_check=[*HealthCheck])
@given(text=st.text("ab{|}\\,; \n", max_size=60))
def test_no_matrix_at_all_is_an_error_of_ours(server: Harness, text: str) -> None:
    server.engine.reset()
    body = {"prompt": f"x{text}", "prompt_matrix": True, "width": 65}
    assert assert_refused(post_raw(server, json.dumps(body).encode()), 422, server) in (["/width"], ["/prompt"], ["/n"])
