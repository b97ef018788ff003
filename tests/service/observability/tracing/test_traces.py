"""Nothing is recorded while traces are off."""

from __future__ import annotations

from pipelines.params import GenerationParams
from service.engine.types import Timings
from service.observability.tracing.traces import NO_TRACES
from tests.harness.engine.fake_engine import FakeEngine

PARAMS = GenerationParams(prompt="x", width=8, height=8, steps=1, guidance_scale=1.0, seed=1, sampler="ddim")


async def test_there_are_no_spans_and_jobs_stay_what_they_are() -> None:
    job = FakeEngine().submit([PARAMS])

    with NO_TRACES.request([(b"traceparent", b"00-" + b"1" * 32 + b"-" + b"1" * 16 + b"-01")]) as request:
        assert (request.trace_id, NO_TRACES.traceparent()) == ("", None)
        request.answered("GET", None, 200)
    assert NO_TRACES.traced(job, [PARAMS], tenant="", started_at=0.0) is job
    span = NO_TRACES.job("job_1", [PARAMS], tenant="", started_at=0.0, parent=None, attempt=1)
    span.submitted()
    span.image_finished(0, Timings(1.0, 1.0, 1.0, 1.0, 1.0))
    span.ended("failed", "internal_error")
    assert span.trace_id == ""
