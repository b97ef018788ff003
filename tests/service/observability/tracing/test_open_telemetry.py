"""Spans of requests and jobs have the right parents, times and attributes, and never hold prompts."""

from __future__ import annotations

import dataclasses

import pytest
from opentelemetry.trace import SpanKind, StatusCode

from pipelines.params import GenerationParams
from service.engine.types import Timings
from service.observability.tracing.traces import JobSpan
from tests.harness.engine.fake_engine import FakeEngine
from tests.harness.spans import SpansInMemory, attributes, parent_id, seconds, span_id

CANARY = "cAnArY7"
PARAMS = GenerationParams(
    model="tiny",
    prompt=CANARY,
    negative_prompt=CANARY,
    width=64,
    height=32,
    steps=9,
    guidance_scale=1.0,
    seed=1,
    sampler="ddim",
)
NOON = 1_700_000_000.0
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
CALLER = f"00-{TRACE}-{SPAN}-01"
STAGES = ("queue", "encode", "denoise", "decode")


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def spans(clock: Clock) -> SpansInMemory:
    return SpansInMemory(clock)


def durable(spans: SpansInMemory, *, parent: str | None = CALLER, started_at: float = NOON, images: int = 1) -> JobSpan:
    return spans.traces.job("job_1", [PARAMS] * images, tenant="alice", started_at=started_at, parent=parent, attempt=2)


def test_a_request_is_a_child_of_the_caller_and_says_its_route_and_status(spans: SpansInMemory) -> None:
    with spans.traces.request([(b"host", b"x"), (b"traceparent", CALLER.encode()), (b"tracestate", b"a=b")]) as request:
        assert request.trace_id == TRACE
        request.answered("GET", "/api/v1/jobs/{job_id}", 404)

    span = spans.only("GET /api/v1/jobs/{job_id}")
    assert (span.kind, parent_id(span), span.status.status_code) == (SpanKind.SERVER, int(SPAN, 16), StatusCode.UNSET)
    assert attributes(span) == {
        "http.request.method": "GET",
        "http.route": "/api/v1/jobs/{job_id}",
        "http.response.status_code": 404,
    }


@pytest.mark.parametrize(("status", "kind"), [(503, "503"), (0, "no_answer")])
def test_a_fault_of_the_server_is_an_error(spans: SpansInMemory, status: int, kind: str) -> None:
    with spans.traces.request([]) as request:
        request.answered("POST", None, status)

    span = spans.only("POST")
    assert (span.status.status_code, attributes(span)["error.type"]) == (StatusCode.ERROR, kind)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"traceparent", b"\xff" * 600)],
        [(b"traceparent", f"00-{'0' * 32}-{SPAN}-01".encode())],
        [(b"traceparent", CALLER.encode()), (b"traceparent", CALLER.encode())],
        [(b"tracestate", b"a=b")],
    ],
)
def test_without_one_valid_traceparent_a_trace_begins(spans: SpansInMemory, headers: list[tuple[bytes, bytes]]) -> None:
    with spans.traces.request(headers) as request:
        request.answered("GET", "/", 200)

    span = spans.only("GET /")
    assert span.parent is None
    assert (len(request.trace_id), request.trace_id) != (0, TRACE)


def test_a_trace_that_the_caller_does_not_sample_is_not_exported(spans: SpansInMemory) -> None:
    with spans.traces.request([(b"traceparent", f"00-{TRACE}-{SPAN}-00".encode())]) as request:
        request.answered("GET", "/", 200)
        durable(spans, parent=spans.traces.traceparent()).ended("succeeded")

    assert spans.ended == []


def test_a_job_has_a_child_for_each_stage_of_each_image(spans: SpansInMemory, clock: Clock) -> None:
    span = durable(spans, images=2)
    clock.now += 5.0
    span.submitted()
    clock.now += 10.0
    span.image_finished(0, Timings(1.0, 0.5, 4.0, 0.25, 2.0, device_s=3.0))
    span.image_finished(1, Timings(2.0, 0.5, 5.0, 0.25, 4.0))
    span.ended("succeeded")

    job = spans.only("job")
    assert (parent_id(job), span.trace_id, job.status.status_code) == (int(SPAN, 16), TRACE, StatusCode.UNSET)
    assert seconds(job) == (NOON, NOON + 15)
    assert attributes(job) == {
        "darkroom.job.id": "job_1",
        "darkroom.job.attempt": 2,
        "darkroom.tenant": "alice",
        "darkroom.model": "tiny",
        "darkroom.sampler": "ddim",
        "darkroom.steps": 9,
        "darkroom.width": 64,
        "darkroom.height": 32,
        "darkroom.images": 2,
        "darkroom.outcome": "succeeded",
    }
    assert {parent_id(each) for name in STAGES for each in spans.named(name)} == {span_id(job)}
    assert [[seconds(span) for span in spans.named(name)] for name in STAGES] == [
        [(NOON, NOON + 6), (NOON, NOON + 7)],
        [(NOON + 6, NOON + 6.5), (NOON + 7, NOON + 7.5)],
        [(NOON + 6.5, NOON + 10.5), (NOON + 7.5, NOON + 12.5)],
        [(NOON + 10.5, NOON + 10.75), (NOON + 12.5, NOON + 12.75)],
    ]
    assert attributes(spans.named("denoise")[0]) == {
        "darkroom.image.index": 0,
        "darkroom.batch.mean_rows": 2.0,
        "darkroom.device_s": 3.0,
    }
    assert [attributes(each) for each in spans.named("queue")] == [{"darkroom.image.index": n} for n in range(2)]
    assert CANARY not in "".join(each.to_json() for each in spans.ended)


@pytest.mark.parametrize(("begun_s", "ended_s"), [(7200.0, 1.0), (0.0, -60.0)])
def test_children_are_within_their_job_whatever_the_clocks_say(
    spans: SpansInMemory, clock: Clock, begun_s: float, ended_s: float
) -> None:
    span = durable(spans, started_at=NOON + begun_s)
    span.submitted()
    span.image_finished(0, Timings(100.0, 100.0, 100.0, 100.0, 1.0))
    clock.now += ended_s
    span.ended("succeeded")

    begin, end = seconds(spans.only("job"))
    assert begin <= end
    for name in STAGES:
        first, last = seconds(spans.only(name))
        assert begin <= first <= last <= end


@pytest.mark.parametrize(
    ("outcome", "code", "status"), [("failed", "poisoned", StatusCode.ERROR), ("canceled", "", StatusCode.UNSET)]
)
def test_a_job_says_how_it_ended(spans: SpansInMemory, outcome: str, code: str, status: StatusCode) -> None:
    durable(spans).ended(outcome, code)

    job = spans.only("job")
    assert job.status.status_code is status
    assert (attributes(job)["darkroom.outcome"], attributes(job).get("error.type", "")) == (outcome, code)


def test_a_job_that_is_not_ended_here_leaves_nothing(spans: SpansInMemory) -> None:
    durable(spans).image_finished(0, Timings(0.0, 0.0, 0.0, 0.0, 1.0))

    assert spans.ended == []


@pytest.mark.parametrize("parent", [None, "", "what?"])
def test_a_durable_job_without_a_parent_begins_a_trace(spans: SpansInMemory, parent: str | None) -> None:
    with spans.traces.request([]):
        durable(spans, parent=parent).ended("succeeded")

    assert spans.only("job").parent is None


async def test_a_job_at_once_is_a_child_of_its_request(spans: SpansInMemory) -> None:
    params = [dataclasses.replace(PARAMS, model="", steps=1)]
    job = FakeEngine().submit(params)
    with spans.traces.request([]) as request:
        traceparent = spans.traces.traceparent()
        traced = spans.traces.traced(job, params, tenant="alice", started_at=NOON - 3)
        request.answered("POST", "/x", 200)
    await traced.result()

    made, asked = spans.only("job"), spans.only("POST /x")
    assert parent_id(made) == span_id(asked)
    assert traceparent is not None
    assert traceparent.startswith(f"00-{request.trace_id}-{span_id(asked):016x}-")
    assert seconds(made)[0] == seconds(spans.only("queue"))[0] == NOON - 3
    assert (attributes(made)["darkroom.job.id"], attributes(made)["darkroom.steps"]) == (job.id, 1)
