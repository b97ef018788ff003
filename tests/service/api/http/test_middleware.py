"""Every request has an id, a log line and a place in the metrics, and unforeseen exceptions are answered."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, Final

import httpx2
import pytest
import structlog
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, Router
from starlette.types import Message, Receive, Scope, Send
from structlog.testing import capture_logs

from service.api.dialects.registry import DIALECTS
from service.api.http.errors import ErrorAnswers
from service.api.http.middleware import RequestContext
from service.api.http.sse import EventStream
from service.observability.metrics import Metrics
from service.observability.tracing.traces import NO_TRACES, Traces
from tests.harness.spans import SpansInMemory

CANARY: Final = "cAnArY7"


async def succeed(request: Request) -> Response:
    return PlainTextResponse("x", headers={"X-Request-Id": "the route's own"})


async def succeed_for_a_while(request: Request) -> Response:
    return PlainTextResponse("x", headers={"Cache-Control": "private, max-age=9"})


async def fail(request: Request) -> Response:
    raise RuntimeError(f"{CANARY} in /home/someone")


async def break_off(request: Request) -> Response:
    async def body() -> Any:
        yield b"begun"
        raise RuntimeError(CANARY)

    return StreamingResponse(body())


async def _nothing() -> None:
    pass


class Server:
    """The middleware around a few routes."""

    def __init__(self, traces: Traces = NO_TRACES) -> None:
        self.metrics = Metrics()
        routes = Router(
            routes=[
                Route("/ok/{name}", succeed),
                Route("/kept", succeed_for_a_while),
                Route("/fail", fail),
                Route("/v1/fail", fail),
                Route("/break", break_off),
                Route("/events", self.events),
            ]
        )
        self.app = RequestContext(routes, answers=ErrorAnswers(DIALECTS), metrics=self.metrics, traces=traces)
        self.streams_at_each_event: list[bool] = []

    async def events(self, request: Request) -> Response:
        async def frames() -> AsyncGenerator[bytes, None]:
            self.streams_at_each_event.append(self.shows("darkroom_event_streams 1.0"))
            yield b": x\n\n"
            if "broken" in request.query_params:
                raise RuntimeError(CANARY)

        return EventStream(frames(), headers={}, on_end=_nothing)

    async def request(self, method: str, path: str) -> httpx2.Response:
        async with httpx2.AsyncClient(
            transport=httpx2.ASGITransport(self.app), base_url="http://server.test"
        ) as client:
            return await client.request(method, path)

    def shows(self, sample: str) -> bool:
        return sample in self.metrics.exposition(ready=True, backlog_s=0.0).decode().splitlines()

    def counted(self, method: str, route: str, status: int) -> bool:
        return self.shows(f'darkroom_http_requests_total{{method="{method}",route="{route}",status="{status}"}} 1.0')


async def test_every_answer_has_an_id_of_its_own_and_forbids_sniffing() -> None:
    server = Server()
    answers = [await server.request("GET", path) for path in ("/ok/x", "/ok/x", "/nowhere", "/fail")]
    ids = {answer.headers["x-request-id"] for answer in answers}
    assert len(ids) == len(answers)
    assert all(each.startswith("req_") for each in ids)
    assert {answer.headers["x-content-type-options"] for answer in answers} == {"nosniff"}


@pytest.mark.parametrize("path", ["/fail", "/v1/fail"])
async def test_an_unforeseen_exception_is_answered_without_its_text_and_logged(path: str) -> None:
    with capture_logs() as lines:
        answer = await Server().request("GET", path)
    assert (answer.status_code, answer.headers["content-type"]) == (500, DIALECTS.at(path).error_media_type)
    assert "internal_error" in answer.text
    assert CANARY not in answer.text + str(answer.headers)
    assert [line["event"] for line in lines] == ["unforeseen error", "request"]


async def test_an_exception_after_the_answer_has_begun_is_left_to_the_server() -> None:
    with pytest.raises(RuntimeError, match=CANARY):
        await Server().request("GET", "/break")


async def test_a_request_is_counted_by_its_route_and_not_by_its_path() -> None:
    server = Server()
    await server.request("GET", f"/ok/{CANARY}")
    await server.request("GET", f"/nowhere/{CANARY}")
    await server.request(CANARY, "/fail")
    assert server.counted("GET", "/ok/{name}", 200)
    assert server.counted("GET", "unmatched", 404)
    assert server.counted("other", "/fail", 405)


async def test_a_request_is_logged_with_its_path_and_without_its_query() -> None:
    with capture_logs() as lines:
        await Server().request("GET", f"/ok/a%0Ab?signature={CANARY}")
    (line,) = lines
    assert (line["method"], line["path"], line["status"]) == ("GET", "/ok/a%0Ab", 200)
    assert line["duration_ms"] >= 0
    assert CANARY not in str(line)


@pytest.mark.parametrize(("path", "level"), [("/livez", "debug"), ("/readyz", "debug"), ("/ok/x", "info")])
async def test_a_probe_does_not_hide_other_requests_in_the_log(path: str, level: str) -> None:
    with capture_logs() as lines:
        await Server().request("GET", path)
    assert [line["log_level"] for line in lines] == [level]


async def test_a_long_path_is_cut_in_the_log() -> None:
    with capture_logs() as lines:
        await Server().request("GET", "/ok/" + "x" * 5000)
    assert len(lines[0]["path"]) == 200


async def test_a_path_that_was_refused_is_not_in_the_log() -> None:
    with capture_logs() as lines:
        await Server().request("GET", "/secret")
    assert (lines[0]["path"], lines[0]["status"]) == ("unmatched", 404)


async def test_a_request_is_traced_by_its_route_alone_and_its_log_names_the_trace() -> None:
    spans = SpansInMemory()
    server = Server(spans.traces)
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        await server.request("GET", f"/ok/{CANARY}?signature={CANARY}")
        await server.request("GET", f"/nowhere/{CANARY}")
        await server.request("GET", "/fail")
        await server.request("GET", "/livez")

    assert [span.name for span in spans.ended] == ["GET /ok/{name}", "GET", "GET /fail"]
    ids = [f"{span.context.trace_id:032x}" for span in spans.ended if span.context is not None]
    assert [line.get("trace_id") for line in lines] == [ids[0], ids[1], ids[2], ids[2], None]
    assert CANARY not in "".join(span.to_json() for span in spans.ended)


async def test_other_scopes_pass_through_unchanged() -> None:
    seen = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)

    async def receive() -> Message:
        raise AssertionError

    async def send(message: Message) -> None:
        raise AssertionError

    await RequestContext(app, answers=ErrorAnswers(DIALECTS), metrics=Metrics())({"type": "lifespan"}, receive, send)
    assert seen == [{"type": "lifespan"}]


async def test_a_stream_of_events_is_counted_for_as_long_as_it_is_sent() -> None:
    server = Server()
    await server.request("GET", "/events")
    with pytest.raises(RuntimeError, match=CANARY):
        await server.request("GET", "/events?broken")

    assert server.streams_at_each_event == [True, True]
    assert server.shows("darkroom_event_streams 0.0")


async def test_nobody_keeps_an_answer_that_does_not_say_who_may() -> None:
    server = Server()
    for path, kept in (("/ok/x", "no-store"), ("/kept", "private, max-age=9"), ("/fail", "no-store")):
        assert (await server.request("GET", path)).headers["cache-control"] == kept
