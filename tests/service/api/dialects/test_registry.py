"""Every registered dialect answers its own paths and tells errors in its own shape."""

from __future__ import annotations

import http
from typing import Final

import httpx2
import pytest
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from service.api.dialects.registry import DIALECTS
from service.api.http.dialect import Dialect, ErrorAnswer
from service.api.http.errors import METHODS, ErrorAnswers, status_phrase
from service.api.http.middleware import RequestContext
from service.observability.metrics import Metrics
from tests.service.api.in_process import Api

CANARY: Final = "cAnArY7"
ALL: Final = [pytest.param(dialect, id=dialect.name) for dialect in DIALECTS]
PREFIXED: Final = [pytest.param(dialect, id=dialect.name) for dialect in DIALECTS if dialect.prefix]


def assert_error(answer: httpx2.Response, dialect: Dialect, status: int, code: str, message: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == dialect.error_media_type
    assert answer.json() == dialect.error_body(ErrorAnswer(status=status, code=code, message=message))
    assert CANARY not in answer.text + str(answer.headers)
    assert answer.headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize("dialect", ALL)
@pytest.mark.parametrize("rest", ["", "/", "/x", "/x/y"])
def test_a_dialect_answers_its_prefix_and_all_below_it_but_the_paths_of_another(dialect: Dialect, rest: str) -> None:
    path = f"{dialect.prefix}{rest}"
    named = [each for each in DIALECTS if path in each.paths]
    assert [DIALECTS.at(path)] == (named or [dialect])


@pytest.mark.parametrize("dialect", PREFIXED)
@pytest.mark.parametrize("rest", ["beta", "beta/x", "0"])
def test_a_dialect_leaves_paths_alone_that_only_begin_like_its_prefix(dialect: Dialect, rest: str) -> None:
    assert DIALECTS.at(f"{dialect.prefix}{rest}") is not dialect


@pytest.mark.parametrize("dialect", ALL)
def test_every_route_of_a_dialect_lies_where_the_dialect_answers(dialect: Dialect) -> None:
    paths = [
        path
        for router in (*dialect.routers, *dialect.job_store_routers)
        for route in router.routes
        if (path := getattr(route, "path", None)) is not None
    ]
    assert paths
    assert [path for path in paths if DIALECTS.at(path) is not dialect] == []


@pytest.mark.parametrize("dialect", ALL)
async def test_an_unknown_path_is_answered_in_the_shape_of_its_dialect(
    api_without_store: Api, dialect: Dialect
) -> None:
    for path in (f"{dialect.prefix}/{CANARY}", f"{dialect.prefix}/{CANARY}/x/"):
        assert_error(await api_without_store.client.get(path), dialect, 404, "not_found", "Not Found.")


@pytest.mark.parametrize("dialect", ALL)
async def test_a_wrong_method_is_answered_in_the_shape_of_its_dialect(api: Api, dialect: Dialect) -> None:
    paths = {path for _, path in api.operations if DIALECTS.at(path) is dialect and "{" not in path}
    assert paths
    for path in paths:
        answer = await api.client.patch(path)
        assert_error(answer, dialect, 405, "method_not_allowed", "Method Not Allowed.")
        allowed = set(answer.headers["allow"].split(", "))
        assert {method for method, known in api.operations if known == path} <= allowed <= set(METHODS)


@pytest.mark.parametrize("dialect", ALL)
async def test_an_unforeseen_exception_is_answered_in_the_shape_of_its_dialect(dialect: Dialect) -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError(f"{CANARY} in /home/someone")

    app = RequestContext(broken, answers=ErrorAnswers(DIALECTS), metrics=Metrics())
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://server.test") as client:
        answer = await client.get(f"{dialect.prefix}/x")
    assert_error(answer, dialect, 500, "internal_error", "Something went wrong.")


@pytest.mark.parametrize("dialect", ALL)
def test_a_dialect_can_tell_an_error_of_any_status(dialect: Dialect) -> None:
    for status in http.HTTPStatus:
        body = dialect.error_body(ErrorAnswer(status=status, code="x", message=status_phrase(status), field="n"))
        assert status.phrase in str(body)


async def test_a_request_that_asks_about_the_whole_server_is_answered(api_without_store: Api) -> None:
    """`OPTIONS *` (RFC 9110, section 9.3.7) has a target that is no path."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    request = Request({"type": "http", "method": "OPTIONS", "path": "*", "raw_path": b"*", "query_string": b"",
                       "headers": [(b"host", b"localhost")], "http_version": "1.1", "scheme": "http"})  # fmt: skip
    await api_without_store.app(request.scope, receive, send)
    assert sent[0]["status"] == 404
