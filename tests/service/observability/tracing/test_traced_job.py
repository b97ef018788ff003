"""The span of an engine's job has its images, and ends once, as the job ended for its reader."""

from __future__ import annotations

import pytest

from pipelines.params import GenerationParams
from service.engine.types import Timings
from service.errors import CanceledError, NonFiniteResultError
from service.observability.tracing.traced_job import TracedJob
from tests.harness.engine.fake_engine import FakeEngine

PARAMS = GenerationParams(prompt="x", width=8, height=8, steps=1, guidance_scale=1.0, seed=1, sampler="ddim")


class Noted:
    """Implements `JobSpan`."""

    trace_id = ""

    def __init__(self) -> None:
        self.images: list[int] = []
        self.ends: list[tuple[str, str]] = []

    def submitted(self) -> None:
        """The job was submitted when its span began."""

    def image_finished(self, index: int, timings: Timings) -> None:
        self.images.append(index)

    def ended(self, outcome: str, code: str = "") -> None:
        self.ends.append((outcome, code))


async def test_a_job_that_is_read_to_its_end_has_succeeded() -> None:
    engine, span = FakeEngine(), Noted()
    job = TracedJob(engine.submit([PARAMS, PARAMS]), span)

    assert [image.index for image in await job.result()] == [0, 1]
    job.cancel()

    assert (span.images, span.ends) == ([0, 1], [("succeeded", "")])
    assert (job.id, job.used_s) == (engine.jobs[0].id, engine.jobs[0].used_s)


@pytest.mark.parametrize(
    ("error", "end"),
    [
        (NonFiniteResultError(), ("failed", "non_finite_result")),
        (CanceledError(), ("canceled", "")),
        (RuntimeError(), ("failed", "internal_error")),
    ],
)
async def test_a_job_that_raises_ends_with_the_public_code(error: Exception, end: tuple[str, str]) -> None:
    engine, span = FakeEngine(), Noted()
    engine.failure = error
    job = TracedJob(engine.submit([PARAMS]), span)

    with pytest.raises(type(error)):
        await job.result()
    job.cancel()

    assert span.ends == [end]


async def test_a_job_that_is_left_early_was_canceled() -> None:
    engine, span = FakeEngine(), Noted()
    engine.holds_starts = True
    job = TracedJob(engine.submit([PARAMS]), span)

    job.cancel()
    job.cancel()

    assert (engine.jobs[0].canceled, span.ends) == (True, [("canceled", "")])
