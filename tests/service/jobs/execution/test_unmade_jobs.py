"""A job that ends without being made is counted, and has its one span."""

from __future__ import annotations

from dataclasses import replace

import pytest
from opentelemetry.trace import StatusCode

from service.jobs.execution.unmade_jobs import UnmadeJobs
from service.jobs.records import Status, UnmadeJob
from service.observability.metrics import Metrics
from tests.harness.sample_jobs import make_spec
from tests.harness.spans import SpansInMemory, attributes, parent_id, seconds

CANCELED = UnmadeJob(
    id="job",
    tenant="alice",
    spec=make_spec(3).in_trace(f"00-{'a' * 32}-{'b' * 16}-01"),
    created_at=10.0,
    attempt=1,
    outcome=Status.CANCELED,
    code="canceled",
)


@pytest.mark.parametrize(
    ("job", "code", "status"),
    [
        (CANCELED, None, StatusCode.UNSET),
        (replace(CANCELED, outcome=Status.FAILED, code="poisoned"), "poisoned", StatusCode.ERROR),
    ],
)
def test_it_has_a_span_of_its_wait_below_the_request_that_brought_it(
    job: UnmadeJob, code: str | None, status: StatusCode
) -> None:
    spans, metrics = SpansInMemory(clock=lambda: 25.0), Metrics()
    UnmadeJobs(metrics, spans.traces).ended(job)

    span = spans.only("job")
    assert (seconds(span), parent_id(span), span.status.status_code) == ((10.0, 25.0), int("b" * 16, 16), status)
    told = attributes(span)
    assert (told["darkroom.job.id"], told["darkroom.images"], told["darkroom.job.attempt"]) == ("job", 3, 1)
    assert (told["darkroom.outcome"], told.get("error.type")) == (job.outcome, code)
    assert [each.name for each in spans.ended] == ["job"]
    counted = f'darkroom_jobs_total{{outcome="{job.outcome}",reason="{job.code}"}} 1.0'
    assert counted in metrics.exposition(ready=True, backlog_s=0.0).decode()


def test_a_job_that_cannot_be_read_is_counted_alone() -> None:
    spans, metrics = SpansInMemory(), Metrics()
    unreadable = replace(CANCELED, spec=None, outcome=Status.FAILED, code="internal_error")
    UnmadeJobs(metrics, spans.traces).ended(unreadable)

    assert spans.ended == []
    assert 'reason="internal_error"} 1.0' in metrics.exposition(ready=True, backlog_s=0.0).decode()
