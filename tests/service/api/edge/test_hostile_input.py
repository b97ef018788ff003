"""Hostile input on every route of the schema is never repeated, makes nothing, and leads to no file."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx2
import pytest
import structlog

from tests.harness.wire.path_tricks import TRICKS
from tests.service.api.in_process import Api

CANARY: Final = "cAnArY7f3a"
TOLD: Final = re.compile(r"0x[0-9a-fA-F]{6}|/home|/work|/usr|/tmp|site-packages|Traceback|\.py\b")
VALUES: Final = [
    "NaN", "Infinity", "-Infinity", "1e999", "9" * 5000, "-1", "0.5", '"\\ud800"', '"\\u0000"', "true", "[]", "{}",
    '{"\\ud800": 1}', f'{{"{CANARY}": "{CANARY}"}}', f'"{CANARY}"', f'["{CANARY}"]', '"' + "x" * 10**6 + '"',
]  # fmt: skip
HARMLESS: Final = {"/internal/progress", "/sdapi/v1/options"}
"""Routes that make nothing, and take nearly any text for a name."""
SECRET: Final = "the content of a file outside"


class Call(NamedTuple):
    method: str
    path: str
    fields: tuple[str, ...]
    """Fields of the route's JSON body; empty if it takes none."""
    query: tuple[str, ...]

    def url(self, value: str = "x") -> str:
        return re.sub(r"\{\w+\}", lambda _: value, self.path)


def calls(api: Api) -> Iterator[Call]:
    for (method, path), operation in api.operations.items():
        content = operation.get("requestBody", {}).get("content", {})
        fields = content.get("application/json", {}).get("schema", {}).get("properties", {})
        query = tuple(each["name"] for each in operation.get("parameters", ()) if each["in"] == "query")
        yield Call(method, path, tuple(fields), query)


@pytest.fixture
def log() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as lines:
        yield lines


def assert_silent(answer: httpx2.Response, *, of: str) -> None:
    told = answer.text + str(answer.headers)
    assert of not in told, (answer.request.method, answer.request.url, told)
    assert not TOLD.search(told), told
    assert answer.status_code < 500, told
    assert len(answer.content) <= 4096 or answer.is_success


async def test_no_error_repeats_anything_that_the_caller_sent(api: Api, log: list[Any]) -> None:
    found = list(calls(api))
    assert len(found) > 18
    for call in found:
        send, url = api.client.request, call.url()
        refused = [await send(call.method, f"{url}?{name}={CANARY}") for name in (*call.query, CANARY)]
        refused += [await send(call.method, url, headers=headers) for headers in _headers()]
        if call.fields:
            refused += [await send(call.method, url, json=body) for body in _bodies()]
            refused.append(await send(call.method, url, files={CANARY: (CANARY, b"x")}))
            refused.append(await send(call.method, url, data={CANARY: CANARY}))
        for answer in refused:
            if not answer.is_success:
                assert_silent(answer, of=CANARY)
        assert_silent(await api.client.request(call.method, call.url(CANARY)), of=CANARY)
        assert_silent(await api.client.request("PATCH", call.url(CANARY)), of=CANARY)
    told = json.dumps([{name: str(value) for name, value in line.items()} for line in log])
    assert CANARY not in told + api.metrics.exposition(ready=True, backlog_s=0).decode()
    assert not TOLD.search(told)


def _headers() -> Iterator[dict[str, str]]:
    for name in (
        "Content-Type",
        "Idempotency-Key",
        "Last-Event-ID",
        "Origin",
        "Host",
        "Authorization",
        "Cookie",
        "Range",
    ):
        yield {name: CANARY}
    yield {CANARY: CANARY}


def _bodies() -> Iterator[dict[str, Any]]:
    yield {CANARY: 1}
    yield {"prompt": {CANARY: CANARY}}
    yield {"prompt": 1, CANARY: CANARY}


async def test_no_path_and_no_query_leads_to_a_file(api: Api, tmp_path: Path) -> None:
    """The data folder holds the key of the links, and a link to a file outside it where an image could be."""
    (tmp_path / "secret").write_text(SECRET)
    key = (tmp_path / "link_key").read_bytes()
    (tmp_path / "images").mkdir(exist_ok=True)
    (tmp_path / "images" / "stray").symlink_to(tmp_path / "secret")
    for call in calls(api):
        for trick in TRICKS:
            urls = [call.url(trick), *(f"{call.url()}?{name}={trick}" for name in call.query)]
            for url in urls:
                answer = await api.client.request(call.method, url)
                assert answer.status_code < 500, url
                assert SECRET not in answer.text, url
                assert key not in answer.content, url
                assert base64.b64encode(key) not in answer.content, url
    for trick in TRICKS:
        for folder in ("/", "/assets/", "/docs/", "/shared/"):
            assert (await api.client.get(f"{folder}{trick}")).status_code in (200, 404), trick
    assert (tmp_path / "secret").read_text() == SECRET


async def test_hostile_values_reach_no_engine_and_no_answer(api: Api) -> None:
    tried = 0
    for call in calls(api):
        for name in call.fields:
            for value in VALUES:
                content = f'{{"prompt": {{}}, "image": 1, "expires_in_s": {{}}, "{name}": {value}}}'.encode()
                if name in ("prompt", "inputs", "image", "expires_in_s"):
                    content = f'{{"{name}": {value}, "n": 0, "parameters": {{"n": 0}}}}'.encode()
                answer = await api.client.request(
                    call.method, call.url(), content=content, headers={"Content-Type": "application/json"}
                )
                is_refused = 400 <= answer.status_code < 500
                assert is_refused or call.path in HARMLESS, (call.path, name, value[:50], answer.text)
                assert_silent(answer, of=CANARY)
                tried += 1
    assert tried > 1000
    assert api.engine.jobs == []
