"""Pages of named origins may call the server with a key and read what it answers. No other page may."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest

from tests.harness.keys import bearer, secret_of, write_key_file
from tests.service.api.in_process import GENERATIONS, HOST, JOBS, Api, run_in_process

CHAT: Final = "https://chat.example"
PAGE: Final = {"Origin": CHAT, "Sec-Fetch-Site": "cross-site"}
"""Headers that a browser adds to a request of that page."""
FOREIGN: Final[list[dict[str, str]]] = [
    {},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "https://chat.example.evil.example"},
    {"Origin": f"{CHAT}:8443"},
    {"Origin": "http://chat.example"},
]


@pytest.fixture
async def named(tmp_path: Path) -> AsyncIterator[Api]:
    """A server with keys that names the origin of a chat."""
    keys = write_key_file(tmp_path / "keys")
    async with run_in_process(tmp_path, api_key_file=keys, cors_origins=f"{CHAT}, http://localhost:3000") as api:
        yield api


def shared(answer: httpx2.Response) -> dict[str, str]:
    """Returns the headers that let pages of other origins read an answer."""
    return {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}


async def test_a_preflight_is_answered_without_a_key(named: Api) -> None:
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,x-stainless-os"}
    answer = await named.client.options(GENERATIONS, headers={**PAGE, **asks})
    assert answer.status_code == 204
    assert shared(answer) == {
        "access-control-allow-origin": CHAT,
        "access-control-allow-methods": "POST, OPTIONS",
        "access-control-allow-headers": "authorization,x-stainless-os",
        "access-control-expose-headers": "allow, x-content-type-options, x-request-id",
        "access-control-max-age": "600",
    }
    assert answer.headers["vary"] == "Origin"


async def test_a_page_of_a_named_origin_makes_an_image_with_a_key_and_reads_every_header(named: Api) -> None:
    answer = await named.client.post(
        GENERATIONS, json={"prompt": "x", "num_inference_steps": 1}, headers={**PAGE, **bearer("alice")}
    )
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == CHAT
    assert {"x-seed", "x-request-id"} <= set(answer.headers["access-control-expose-headers"].split(", "))


async def test_a_page_reads_why_and_for_how_long_it_is_refused(tmp_path: Path) -> None:
    limited = {"requests_per_minute": 1}
    keys = write_key_file(tmp_path / "keys")
    async with run_in_process(tmp_path, api_key_file=keys, cors_origins=CHAT) as api:
        made = await api.client.post("/api/v1/keys", json={"name": "x", "quotas": limited}, headers=bearer("root"))
        headers = {**PAGE, "Authorization": f"Bearer {made.json()['key']}"}
        answers = [await api.client.get(JOBS, headers=headers) for _ in range(2)]
        unauthenticated = await api.client.get(JOBS, headers=PAGE)
    assert [answer.status_code for answer in (*answers, unauthenticated)] == [200, 429, 401]
    for answer in (*answers, unauthenticated):
        assert answer.headers["access-control-allow-origin"] == CHAT
    exposed = answers[1].headers["access-control-expose-headers"].split(", ")
    assert {"ratelimit", "ratelimit-policy", "retry-after", "retry-after-ms", "x-request-id"} <= set(exposed)


@pytest.mark.parametrize("headers", FOREIGN)
async def test_any_other_origin_is_told_nothing_and_changes_nothing(named: Api, headers: dict[str, str]) -> None:
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    answers = [
        await named.client.options(GENERATIONS, headers={**headers, **asks}),
        await named.client.get(JOBS, headers={**headers, **bearer("alice")}),
        await named.client.post(
            GENERATIONS, json={"prompt": "x"}, headers={**FOREIGN[1], **headers, **bearer("alice")}
        ),
    ]
    assert [answer.status_code for answer in answers] == [204, 200, 403]
    for answer in answers:
        assert shared(answer) == {}
        assert "Origin" in answer.headers["vary"]  # This keeps caches from giving the answer to another origin.
    assert named.engine.jobs == []


async def test_a_page_of_a_named_origin_never_has_the_session_of_the_servers_own(named: Api) -> None:
    own = {"Origin": f"http://{HOST}", "Sec-Fetch-Site": "same-origin"}
    await named.client.post("/api/v1/session", json={"key": secret_of("alice")}, headers=own)
    assert named.app.state.services.authenticator.session_name in named.client.cookies
    assert (await named.client.get(JOBS, headers={"Sec-Fetch-Site": "same-origin"})).status_code == 200

    body: dict[str, Any] = {"prompt": "x"}
    for site in ("cross-site", "same-site"):
        page = {"Origin": CHAT, "Sec-Fetch-Site": site}
        answers = [
            await named.client.get(JOBS, headers=page),
            await named.client.post(GENERATIONS, json=body, headers=page),
        ]
        for answer in answers:
            assert answer.status_code == 403
            assert "access-control-allow-credentials" not in answer.headers
    assert named.engine.jobs == []


async def test_a_named_origin_opens_no_other_host(named: Api) -> None:
    answer = await named.client.post(GENERATIONS, json={}, headers={**PAGE, **bearer("alice"), "Host": "evil.example"})
    assert answer.status_code == 421


@pytest.mark.parametrize("names", ["a b", "a;b", "x" * 101, ", ", "é", ",".join(["x"] * 65)])
async def test_names_of_fields_that_are_none_are_not_repeated(named: Api, names: str) -> None:
    asks = {**PAGE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": names}
    raw = [(name.encode(), value.encode()) for name, value in asks.items()]
    answer = await named.client.options(GENERATIONS, headers=raw)
    assert answer.headers["access-control-allow-methods"] == "POST, OPTIONS"
    assert "access-control-allow-headers" not in answer.headers
