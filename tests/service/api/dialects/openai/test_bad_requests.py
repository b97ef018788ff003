"""What no caller should send: refused with 400 and the field's name, never repeated, never brought to the engine."""

from __future__ import annotations

import json
import socket
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.api.dialects.openai.resolve import BODY_RULES
from service.api.dialects.openai.schemas import ImageRequest
from tests.harness.http_server import Harness

CANARY = "cAnArY7"
JSON = {"Content-Type": "application/json"}


def post_raw(server: Harness, body: bytes, headers: dict[str, str] | None = None) -> httpx2.Response:
    return server.client.post("/v1/images/generations", content=body, headers=headers or JSON)


def assert_refused(answer: httpx2.Response, status: int, param: str | None, server: Harness) -> None:
    assert answer.status_code == status, answer.text
    assert len(answer.content) <= 4096
    assert CANARY not in answer.text + str(answer.headers)
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    assert error["param"] == param
    assert server.engine.jobs == []


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ("{}", "prompt"),
        ('{"prompt": ""}', "prompt"),
        ('{"prompt": null}', "prompt"),
        ('{"prompt": 7}', "prompt"),
        ('{"prompt": ["cAnArY7"]}', "prompt"),
        (r'{"prompt": "cAnArY7\ud800"}', "prompt"),
        (r'{"prompt": "cAnArY7\u0000"}', "prompt"),
        (json.dumps({"prompt": CANARY * 1000}), "prompt"),
        (r'{"prompt": "x", "negative_prompt": "\udfff"}', "negative_prompt"),
        (json.dumps({"prompt": "x", "negative_prompt": CANARY * 1000}), "negative_prompt"),
        ('{"prompt": "x", "n": 0}', "n"),
        ('{"prompt": "x", "n": 11}', "n"),
        ('{"prompt": "x", "n": 1000000000}', "n"),
        ('{"prompt": "x", "n": true}', "n"),
        ('{"prompt": "x", "n": "cAnArY7"}', "n"),
        ('{"prompt": "x", "n": 1.5}', "n"),
        ('{"prompt": "x", "n": 1' + "0" * 5000 + "}", "n"),
        ('{"prompt": "x", "seed": -2}', "seed"),
        ('{"prompt": "x", "seed": 9223372036854775808}', "seed"),
        ('{"prompt": "x", "seed": 9223372036854775807, "n": 2}', "seed"),
        ('{"prompt": "x", "steps": 0}', "steps"),
        ('{"prompt": "x", "steps": 100000}', "steps"),
        ('{"prompt": "x", "num_inference_steps": -1}', "num_inference_steps"),
        ('{"prompt": "x", "steps": 5, "num_inference_steps": 6}', "steps"),
        ('{"prompt": "x", "sampler": "lcm", "steps": 51}', "steps"),
        ('{"prompt": "x", "guidance_scale": NaN}', "guidance_scale"),
        ('{"prompt": "x", "cfg_scale": Infinity}', "cfg_scale"),
        ('{"prompt": "x", "guidance_scale": -Infinity}', "guidance_scale"),
        ('{"prompt": "x", "guidance_scale": 1e999}', "guidance_scale"),
        ('{"prompt": "x", "guidance_scale": 1000}', "guidance_scale"),
        ('{"prompt": "x", "guidance_scale": -1}', "guidance_scale"),
        ('{"prompt": "x", "sampler": "cAnArY7"}', "sampler"),
        ('{"prompt": "x", "sampler_name": "cAnArY7"}', "sampler_name"),
        ('{"prompt": "x", "scheduler": "cAnArY7"}', "scheduler"),
        ('{"prompt": "x", "size": "cAnArY7"}', "size"),
        ('{"prompt": "x", "size": "0x0"}', "size"),
        ('{"prompt": "x", "size": "-8x8"}', "size"),
        ('{"prompt": "x", "size": "128x128x128"}', "size"),
        ('{"prompt": "x", "size": "999999x8"}', "size"),
        ('{"prompt": "x", "size": "١٢٨x١٢٨"}', "size"),
        ('{"prompt": "x", "output_format": "cAnArY7"}', "output_format"),
        ('{"prompt": "x", "output_compression": 101}', "output_compression"),
        ('{"prompt": "x", "partial_images": 4}', "partial_images"),
        ('{"prompt": "x", "stream": "yes"}', "stream"),
        ('{"prompt": "x", "response_format": "url", "stream": true}', "response_format"),
        ('{"prompt": "x", "background": "transparent"}', "background"),
        ('{"prompt": "x", "quality": "cAnArY7"}', "quality"),
    ],
)
def test_a_bad_value_is_refused_by_the_name_of_its_field(server: Harness, fields: str, param: str) -> None:
    assert_refused(post_raw(server, fields.encode()), 400, param, server)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"cAnArY7",
        b'{"prompt": "cAnArY7"',
        b'["cAnArY7"]',
        b'"cAnArY7"',
        b'{"prompt": "\xff"}',
        b"\xff\xfe{\x00}\x00",
        b'{"prompt": "a", "prompt": "b"}',
        b'{"prompt": "a", "x": {"y": 1, "y": 2}}',
        b'{"a":' * 100_000,
        b"[" * 100_000,
    ],
)
def test_what_is_no_json_object_is_refused(server: Harness, body: bytes) -> None:
    assert_refused(post_raw(server, body), 400, None, server)


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
    assert_refused(post_raw(server, b'{"prompt": "x"}', headers), 415, None, server)


def test_a_declared_body_over_the_cap_is_refused_before_any_of_it_is_sent(server: Harness) -> None:
    head = b"POST /v1/images/generations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(head + b"Content-Length: 1000000000\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")


def test_a_chunked_body_is_refused_where_it_passes_the_cap(server: Harness) -> None:
    sent = 0

    def chunks() -> Any:
        nonlocal sent
        for _ in range(1024):
            sent += 65536
            yield b" " * 65536

    answer = server.client.post("/v1/images/generations", content=chunks(), headers=JSON)
    assert_refused(answer, 413, None, server)
    assert sent == 1024 * 65536, "the answer reaches also a client that sends all before it reads"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/cAnArY7", 404),
        ("GET", "/v1", 404),
        ("GET", "/v1/models/cAnArY7", 404),
        ("GET", "/v1/models/", 404),
        ("GET", "/v1/images/generations", 405),
        ("DELETE", "/v1/models", 405),
    ],
)
def test_under_v1_every_refusal_has_openais_shape(server: Harness, method: str, path: str, status: int) -> None:
    answer = server.client.request(method, path)
    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
    assert CANARY not in answer.text
    assert "x-request-id" in answer.headers


def test_elsewhere_refusals_are_problem_details(server: Harness) -> None:
    answer = server.client.get(f"/{CANARY}")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "Not Found.",
        "code": "not_found",
        "errors": [],
    }


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text("aZ0x \0\ud800\u0661\U0001f600", max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3),
    max_leaves=4,
)
names = st.sampled_from([*ImageRequest.model_fields, *BODY_RULES.aliases, "lora"])


@settings(max_examples=40, deadline=None, suppress_health_check=[*HealthCheck])
@given(fields=st.dictionaries(names, values, max_size=6))
def test_no_body_at_all_is_an_error_of_ours(server: Harness, fields: dict[str, Any]) -> None:
    server.engine.reset()
    answer = post_raw(server, json.dumps({"steps": 1, **fields, "background": "transparent"}).encode())
    assert answer.status_code in (400, 404)
    assert len(answer.content) <= 4096
    assert server.engine.jobs == []
