"""A collector gets the spans of a server, even of a killed one, and no span holds a prompt."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any, Final

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.harness.served.server_process import running_server
from tests.harness.wire.http_server import wait_until
from tests.harness.wire.otlp_receiver import OtlpReceiver, otlp_receiver

CANARY: Final = "cAnArY7"
STAGES: Final = ("queue", "encode", "denoise", "decode")
AT_ONCE: Final = "POST /v1/images/generations"
ACCEPTED: Final = "POST /api/v1/jobs"
CALLER: Final = "b7ad6b7169203331"


def from_caller(trace: str) -> dict[str, str]:
    return {"traceparent": f"00-{trace}-{CALLER}-01"}


def wish(prompt: str = CANARY, **fields: Any) -> dict[str, Any]:
    return {"prompt": prompt, "negative_prompt": f"no {CANARY}", "num_inference_steps": 4, **fields}


def values(span: Span) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value") or "") for each in span.attributes}


def in_trace(receiver: OtlpReceiver, trace: str) -> dict[str, list[Span]]:
    """Returns the spans of a trace by name."""
    found: dict[str, list[Span]] = {}
    for span in receiver.spans:
        if span.trace_id.hex() == trace:
            found.setdefault(span.name, []).append(span)
    return found


def check_tree(spans: dict[str, list[Span]], request: str, *, images: int) -> tuple[Span, Span]:
    """Checks the spans' parents, and that stages are within their job. Returns the request's span and the job's."""
    (asked,), (job,) = spans[request], spans["job"]
    assert (asked.parent_span_id.hex(), job.parent_span_id) == (CALLER, asked.span_id)
    for name in STAGES:
        assert [span.parent_span_id for span in spans[name]] == [job.span_id] * images
        assert {values(span)["darkroom.image.index"] for span in spans[name]} == set(range(images))
    times = [job.start_time_unix_nano]
    for name in STAGES:
        times += [spans[name][0].start_time_unix_nano, spans[name][0].end_time_unix_nano]
    assert sorted(times) == times
    assert max(span.end_time_unix_nano for name in STAGES for span in spans[name]) <= job.end_time_unix_nano
    return asked, job


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Any:
    with otlp_receiver() as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
        yield receiver


def test_spans_of_requests_and_jobs_reach_a_collector(receiver: OtlpReceiver, tmp_path: Path) -> None:
    good, bad, durable = (digit * 32 for digit in "abc")
    faults = ("--fault", "predict:raise:1", "--call-s", "0.02")
    with running_server(tmp_path, *faults, tracing=True) as (server, client):
        made = client.post("/v1/images/generations", json=wish(n=2), headers=from_caller(good))
        failed = client.post("/v1/images/generations", json=wish(f"{CANARY} poison"), headers=from_caller(bad))
        assert (made.status_code, failed.status_code) == (200, 500)
        long = wish(num_inference_steps=200)
        job_id = client.post("/api/v1/jobs", json=long, headers=from_caller(durable)).json()["id"]
        wait_until(lambda: ACCEPTED in in_trace(receiver, durable))
        server.kill()
    with running_server(tmp_path, tracing=True) as (server, client):
        wait_until(lambda: client.get(f"/api/v1/jobs/{job_id}").json()["status"] == "succeeded")
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=60) == 0

    asked, job = check_tree(in_trace(receiver, good), AT_ONCE, images=2)
    assert asked.start_time_unix_nano <= job.start_time_unix_nano
    assert job.end_time_unix_nano <= asked.end_time_unix_nano
    assert values(asked)["http.response.status_code"] == 200
    told = values(job)
    assert (told["darkroom.outcome"], told["darkroom.steps"], told["darkroom.images"]) == ("succeeded", 4, 2)
    assert (told["darkroom.tenant"], told["darkroom.width"]) == ("default", 128)

    (asked,), (job,) = (in_trace(receiver, bad)[name] for name in (AT_ONCE, "job"))
    assert (asked.status.code, job.status.code) == (Status.STATUS_CODE_ERROR,) * 2
    assert (values(job)["darkroom.outcome"], values(job)["error.type"]) == ("failed", "generation_failed")

    _, job = check_tree(in_trace(receiver, durable), ACCEPTED, images=1)
    assert (values(job)["darkroom.job.id"], values(job)["darkroom.outcome"]) == (job_id, "succeeded")
    assert values(job)["darkroom.job.attempt"] > 1
    assert receiver.services == {"darkroom"}
    assert CANARY.encode() not in b"".join(receiver.bodies)
