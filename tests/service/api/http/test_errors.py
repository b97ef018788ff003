"""Errors become answers in the shape of the dialect of their path, with the headers that tell when to try again."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Final

import httpx2
import pytest
from fastapi import FastAPI, Request, Response
from starlette.requests import ClientDisconnect

from service.api.http.dialect import BodyRules, Dialect, Dialects, UnknownFields
from service.api.http.errors import ErrorAnswers, status_phrase
from service.api.http.fields import JobId
from service.errors import (
    CanceledError,
    DarkroomError,
    DeadlineExceededError,
    EngineUnavailableError,
    InvalidRequestError,
    NotFoundError,
    QueueFullError,
)

CANARY: Final = "cAnArY7"
DIALECTS: Final = Dialects(
    [
        Dialect(
            name=name,
            prefix=prefix,
            routers=(),
            body_rules=BodyRules(unknown_fields=UnknownFields.IGNORE, refuse=lambda _: InvalidRequestError("No.")),
            error_media_type=f"application/{name}",
            error_body=lambda told: {"code": told.code, "message": told.message, "field": told.field},
        )
        for name, prefix in (("rest", ""), ("v1", "/v1"))
    ]
)


def answer(error: DarkroomError, path: str = "/x") -> Response:
    return ErrorAnswers(DIALECTS).answer(error, path)


@pytest.mark.parametrize(("path", "media_type"), [("/v1/x", "application/v1"), ("/v1beta", "application/rest")])
def test_an_error_has_the_shape_of_the_dialect_of_its_path(path: str, media_type: str) -> None:
    told = answer(InvalidRequestError("Must be smaller.", field="n"), path)
    assert (told.status_code, told.headers["content-type"]) == (400, media_type)
    assert json.loads(bytes(told.body)) == {"code": "invalid_value", "message": "Must be smaller.", "field": "n"}


@pytest.mark.parametrize(
    ("retry_after_s", "seconds", "milliseconds"),
    [(1.2, "2", "1200"), (0.0, "1", "1"), (0.0001, "1", "1"), (5, "5", "5000")],
)
def test_when_to_try_again_is_rounded_up(retry_after_s: float, seconds: str, milliseconds: str) -> None:
    headers = answer(QueueFullError("Full.", retry_after_s=retry_after_s)).headers
    assert (headers["retry-after"], headers["retry-after-ms"]) == (seconds, milliseconds)
    assert "x-should-retry" not in headers


def test_errors_that_would_come_again_forbid_another_try() -> None:
    for error in (DarkroomError(), DeadlineExceededError("Too late.")):
        assert answer(error).headers["x-should-retry"] == "false"
    for error in (NotFoundError("Not there."), EngineUnavailableError("Loading.")):
        assert "x-should-retry" not in answer(error).headers


@pytest.mark.parametrize(
    ("status", "phrase"), [(404, "Not Found"), (CanceledError.status, "Client Closed Request"), (599, "Error")]
)
def test_every_status_has_a_phrase(status: int, phrase: str) -> None:
    assert status_phrase(status) == phrase


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    """A server with a few routes, of which one raises what its caller names."""
    app = FastAPI()
    ErrorAnswers(DIALECTS).install(app)

    @app.get("/jobs/{job_id}")
    @app.head("/jobs/{job_id}")
    async def look_up(job_id: JobId, limit: int = 1) -> None: ...

    @app.delete("/jobs/{job_id}")
    async def delete(job_id: JobId) -> None: ...

    @app.get("/v1/raise/{name}")
    async def fail(request: Request, name: str) -> None:
        raise {"disconnect": ClientDisconnect(), "full": QueueFullError("Full.", retry_after_s=3)}[name]

    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://server.test") as client:
        yield client


async def test_a_path_that_is_not_there_is_not_found(client: httpx2.AsyncClient) -> None:
    for path, media_type in ((f"/{CANARY}", "application/rest"), (f"/v1/{CANARY}", "application/v1")):
        told = await client.get(path)
        assert (told.status_code, told.headers["content-type"]) == (404, media_type)
        assert told.json() == {"code": "not_found", "message": "Not Found.", "field": None}


async def test_a_method_that_is_not_there_is_told_all_that_are(client: httpx2.AsyncClient) -> None:
    told = await client.patch("/jobs/job_" + "a" * 26)
    assert (told.status_code, told.json()["code"]) == (405, "method_not_allowed")
    assert told.headers["allow"] == "GET, HEAD, DELETE, OPTIONS"


async def test_a_path_parameter_that_is_not_valid_is_not_found(client: httpx2.AsyncClient) -> None:
    told = await client.get(f"/jobs/{CANARY}?limit={CANARY}")
    assert (told.status_code, told.json()["code"]) == (404, "not_found")
    assert CANARY not in told.text


async def test_a_query_parameter_that_is_not_valid_is_refused(client: httpx2.AsyncClient) -> None:
    told = await client.get(f"/jobs/job_{'a' * 26}?limit={CANARY}")
    assert (told.status_code, told.json()["code"]) == (400, "invalid_value")
    assert CANARY not in told.text


async def test_errors_that_a_route_raises_are_answered(client: httpx2.AsyncClient) -> None:
    told = await client.get("/v1/raise/full")
    assert (told.status_code, told.headers["retry-after"], told.json()["code"]) == (503, "3", "queue_full")


async def test_a_client_that_hangs_up_while_it_sends_counts_as_canceled(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/v1/raise/disconnect")).status_code == CanceledError.status
