"""The live state of a running job sums the progress of its images and grows by one version a change."""

from __future__ import annotations

from service.jobs.execution.running_job import RunningJob
from service.jobs.records import Claim, JobPreview, JobProgress
from service.observability.tracing.traces import NO_TRACES
from tests.harness.sample_jobs import STEPS, make_spec
from tests.harness.spans import SpansInMemory, attributes

PREVIEW = JobPreview(0, 1, "image/webp", b"preview")


def make_running(images: int = 2, done: frozenset[int] = frozenset()) -> RunningJob:
    return RunningJob(Claim("job", 1, "alice", make_spec(images), 0.0, done))


def test_a_claimed_job_has_no_progress() -> None:
    live = make_running().live

    assert (live.version, live.progress, live.preview) == (1, None, None)


def test_progress_sums_the_steps_of_all_images() -> None:
    running = make_running()
    running.steps.update({0: 3, 1: 1})

    running.update_live()

    assert running.live.progress == JobProgress(4, 2 * STEPS, None)


def test_progress_does_not_go_back_where_an_image_begins_again() -> None:
    running = make_running()
    running.record_step(0, 3, 1.0)
    running.record_step(0, 1, 3.0)

    assert running.live.progress == JobProgress(3, 2 * STEPS, 3.0)


def test_images_of_earlier_attempts_count_as_done() -> None:
    running = make_running(3, done=frozenset({0, 2}))
    running.steps[1] = 1

    running.update_live()

    assert running.live.progress == JobProgress(2 * STEPS + 1, 3 * STEPS, None)


def test_a_job_is_finished_when_its_last_image_is() -> None:
    running = make_running()
    running.eta_s.update({0: 1.0, 1: 2.5})

    running.update_live()

    assert running.live.progress is not None
    assert running.live.progress.eta_s == 2.5


def test_every_change_raises_the_version_and_the_latest_preview_stays() -> None:
    running = make_running()

    running.update_live(preview=PREVIEW)
    running.update_live()

    assert (running.live.version, running.live.preview) == (3, PREVIEW)


def test_a_job_has_begun_once_the_engine_has_begun_an_image_of_it() -> None:
    running = make_running()

    running.record_loading(0, 5.0)
    assert not running.begun
    running.mark_begun(0)
    assert running.begun


def test_a_traced_job_has_a_span_in_the_trace_that_accepted_it_and_its_log_says_so() -> None:
    spans, trace = SpansInMemory(), "a" * 32
    spec = make_spec(3).in_trace(f"00-{trace}-{'b' * 16}-01")

    running = RunningJob.traced(Claim("job", 2, "alice", spec, 0.0, frozenset()), spans.traces)
    running.span.ended("succeeded")

    assert running.log_ids == {"job_id": "job", "tenant": "alice", "trace_id": trace}
    told = attributes(spans.only("job"))
    assert (told["darkroom.job.id"], told["darkroom.images"], told["darkroom.job.attempt"]) == ("job", 3, 2)
    untraced = RunningJob.traced(Claim("job", 1, "alice", make_spec().in_trace(None), 0.0, frozenset()), NO_TRACES)
    assert untraced.log_ids == {"job_id": "job", "tenant": "alice"}
