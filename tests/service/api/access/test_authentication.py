"""Authentication in front of all routes: who gets in, how others are refused, and when an answer ends."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Final

import httpx2
import pytest
import structlog
from starlette.types import Message

from service.server.app import create_app
from service.settings import Settings
from tests.harness.engine.fake_engine import FakeEngine
from tests.harness.keys import bearer, secret_of
from tests.service.api.in_process import GENERATIONS, JOBS, Api

BASIC: Final = base64.b64encode(f"anybody:{secret_of('alice')}".encode()).decode()
OPEN: Final = ["/", "/docs", "/health", "/livez", "/openapi.json", "/readyz"]
REFUSED: Final = [
    "/api/v1/jobs",
    "/api/v1/jobs/",
    "//api/v1/jobs",
    "/api/v1//jobs",
    "/api%2fv1%2fjobs",
    "/api/v1/jobs%2f",
    "/livez/",
    "//livez",
    "/livez/../api/v1/jobs",
    "/livez%2f..%2fapi%2fv1%2fjobs",
    "/LIVEZ",
    "/livez%00",
    "/livez;/api/v1/jobs",
    "/assets/",
    "/assets/../api/v1/jobs",
    "/assets/a%2f..%2f..%2fapi",
    "/shared",
    "/shared/a",
    "/shared/a/0/links",
    "/v1/models",
    "/v1/unknown",
    "/unknown",
    "/metrics",
]


@pytest.mark.parametrize(
    "headers",
    [bearer("alice"), {"X-Api-Key": secret_of("alice")}, {"Authorization": f"Basic {BASIC}"}],
    ids=["bearer", "x-api-key", "basic"],
)
async def test_a_key_lets_its_holder_in_however_it_is_sent(guarded: Api, headers: dict[str, str]) -> None:
    assert (await guarded.client.get(JOBS, headers=headers)).status_code == 200


async def test_of_several_secrets_one_that_is_valid_is_enough(guarded: Api) -> None:
    headers = {"Authorization": "Basic cHJveHk6cGFzcw==", "X-Api-Key": secret_of("alice")}

    assert (await guarded.client.get(JOBS, headers=headers)).status_code == 200


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}], ids=["none", "wrong"])
async def test_open_routes_need_no_key_and_mind_no_wrong_one(guarded: Api, headers: dict[str, str]) -> None:
    for path in OPEN:
        for method in ("GET", "HEAD"):
            assert (await guarded.client.request(method, path, headers=headers)).status_code == 200, path


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE"])
async def test_every_other_path_is_401_whether_or_not_it_exists(guarded: Api, method: str) -> None:
    for path in REFUSED:
        # The client would resolve the dots of a text.
        url = httpx2.URL("http://server.test", raw_path=path.encode())
        answer = await guarded.client.request(method, url)
        assert (answer.status_code, answer.headers.get("WWW-Authenticate")) == (401, "Bearer"), path
        assert answer.headers["X-Request-Id"].startswith("req_")


async def test_which_methods_a_path_has_is_told_without_a_key_and_a_path_without_a_route_is_401(guarded: Api) -> None:
    for path in (JOBS, GENERATIONS, f"{JOBS}/job_{'a' * 26}"):
        assert (await guarded.client.options(path)).status_code == 204, path
    for path in ("/api/v1/unknown", "/v1/unknown", "/unknown", "/api/v1//jobs"):
        assert (await guarded.client.options(path)).status_code == 401, path


async def test_a_refusal_has_the_shape_of_its_dialect(guarded: Api) -> None:
    openai, native = await guarded.client.post(GENERATIONS, json={}), await guarded.client.get(JOBS)

    assert openai.json()["error"]["code"] == "unauthenticated"
    assert openai.json()["error"]["type"] == "invalid_request_error"
    assert native.headers["Content-Type"] == "application/problem+json"
    assert (native.json()["status"], native.json()["code"]) == (401, "unauthenticated")


async def test_a_refused_request_costs_no_image_and_is_counted_by_reason(guarded: Api) -> None:
    await guarded.client.post(GENERATIONS, json={"prompt": "x"})
    await guarded.client.post(JOBS, json={"prompt": "x"}, headers={"Authorization": "Bearer wrong"})

    assert guarded.engine.jobs == []
    text = guarded.metrics.exposition(ready=True, backlog_s=0.0).decode()
    for reason in ("missing", "unknown"):
        assert f'darkroom_authentication_refusals_total{{reason="{reason}"}} 1.0' in text


async def test_lines_of_the_log_say_whose_a_request_was_and_never_the_secret(
    guarded: Api, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        await guarded.client.get(JOBS, headers=bearer("alice"))
        await guarded.client.get(JOBS, headers={"Authorization": f"Bearer {secret_of('nobody')}"})

    mine = [record.getMessage() for record in caplog.records if "'tenant': 'alice'" in record.getMessage()]
    assert len(mine) == 1
    assert "'key_id': 'file_" in mine[0]
    assert secret_of("alice") not in caplog.text
    assert secret_of("nobody") not in caplog.text


async def test_a_request_that_is_refused_inherits_nobodys_tenant(guarded: Api) -> None:
    structlog.contextvars.bind_contextvars(tenant="left over")
    await guarded.client.get(JOBS)

    assert "tenant" not in structlog.contextvars.get_contextvars()


async def test_a_server_whose_keys_are_not_known_yet_is_503(tmp_path: Path) -> None:
    """The keys are not known, for example, while the database cannot be reached when the server starts."""
    app = create_app(Settings(data_dir=tmp_path), FakeEngine())
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://127.0.0.1") as client:
        answer = await client.get(JOBS)

        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert (await client.get("/livez")).status_code == 200


async def test_a_websocket_is_refused(guarded: Api) -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    await guarded.app({"type": "websocket", "path": JOBS, "headers": []}, receive, send)

    assert sent == [{"type": "websocket.close", "code": 1008}]
