"""Requests to /v1 that no caller should send are refused without repeating them or bothering the engine."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any, Final

import httpx2
import pytest

from tests.harness.wire.http_server import Harness
from tests.service.api.in_process import GENERATIONS, Api

CANARY: Final = "cAnArY7"
JSON: Final = {"Content-Type": "application/json"}


def assert_refused(answer: httpx2.Response, status: int, param: str | None) -> None:
    assert answer.status_code == status, answer.text
    assert len(answer.content) <= 4096
    assert CANARY not in answer.text + str(answer.headers)
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["type"], error["param"]) == ("invalid_request_error", param)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"prompt": [CANARY]}, "prompt"),
        ({"prompt": CANARY * 1000}, "prompt"),
        ({"prompt": "x", "n": CANARY}, "n"),
        ({"prompt": "x", "cfg_scale": float("inf")}, "cfg_scale"),
        ({"prompt": "x", "sampler_name": CANARY}, "sampler_name"),
        ({"prompt": "x", "size": CANARY}, "size"),
        ({"prompt": "x", "response_format": "url", "stream": True}, "response_format"),
        ({"prompt": "x", "background": "transparent"}, "background"),
    ],
)
async def test_a_bad_value_is_refused_by_the_name_of_its_field(
    api_without_store: Api, body: dict[str, Any], param: str
) -> None:
    answer = await api_without_store.client.post(GENERATIONS, content=json.dumps(body), headers=JSON)
    assert_refused(answer, 400, param)
    assert api_without_store.engine.jobs == []


@pytest.mark.parametrize("field", ["image", "image[]", "images", "mask"])
async def test_an_image_where_none_is_taken_is_refused_with_the_route_that_takes_it(api: Api, field: str) -> None:
    answer = await api.client.post(GENERATIONS, json={"prompt": "x", field: CANARY})
    assert_refused(answer, 400, field)
    assert "/v1/images/edits" in answer.json()["error"]["message"]
    assert api.engine.jobs == []


async def test_an_image_in_a_field_that_nobody_knows_is_refused_and_other_fields_are_named(api: Api) -> None:
    given = {"prompt": "x", "notes": [CANARY], "style_reference": [{"b64": f"data:image/png;base64,{CANARY}"}]}
    assert_refused(await api.client.post(GENERATIONS, json=given), 400, "style_reference")
    del given["style_reference"]
    answer = await api.client.post(GENERATIONS, json={**given, "images": [], "mask": "", "step": 1, "rng_seed": 7})
    assert (answer.status_code, answer.headers["x-ignored-params"]) == (200, "notes, images, mask")
    assert (answer.json()["num_inference_steps"], answer.json()["data"][0]["seed"]) == (1, 7)


async def test_a_form_is_no_body_of_a_generation(api: Api) -> None:
    assert_refused(await api.client.post(GENERATIONS, files={"prompt": b"x"}), 415, None)


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
    api_without_store: Api, content: bytes, headers: dict[str, str], status: int
) -> None:
    answer = await api_without_store.client.post(GENERATIONS, content=content, headers=headers)
    assert_refused(answer, status, None)
    assert api_without_store.engine.jobs == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/cAnArY7", 404),
        ("GET", "/v1", 404),
        ("GET", "/v1/models/cAnArY7", 404),
        ("GET", "/v1/images/generations", 405),
        ("DELETE", "/v1/models", 405),
    ],
)
async def test_every_refusal_under_v1_has_openais_shape(
    api_without_store: Api, method: str, path: str, status: int
) -> None:
    answer = await api_without_store.client.request(method, path)
    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
    assert CANARY not in answer.text


def test_a_declared_body_over_the_limit_is_refused_before_any_of_it_is_sent(server: Harness) -> None:
    head = b"POST /v1/images/generations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(head + b"Content-Length: 1000000000\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")


def test_the_refusal_of_a_chunked_body_reaches_a_client_that_sends_all_before_it_reads(server: Harness) -> None:
    sent = 0

    def chunks() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(1024):
            sent += 65536
            yield b" " * 65536

    answer = server.client.post(GENERATIONS, content=chunks(), headers=JSON)
    assert_refused(answer, 413, None)
    assert sent == 1024 * 65536
