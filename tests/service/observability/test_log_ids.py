"""Log lines name the job and tenant that they concern, which are passed on with the images."""

from __future__ import annotations

import structlog

from pipelines.params import GenerationParams
from service.engine.interface import Submission
from service.observability.log_ids import bound_log_ids

PARAMS = GenerationParams(prompt="x", width=8, height=8, steps=1, guidance_scale=1.0, seed=1, sampler="ddim")


def test_only_ids_are_passed_on_and_only_those_that_are_bound() -> None:
    assert bound_log_ids() == {}

    with structlog.contextvars.bound_contextvars(request_id="req_1", tenant="alice", prompt="a secret"):
        assert bound_log_ids() == {"request_id": "req_1", "tenant": "alice"}


def test_what_is_submitted_has_the_ids_of_whoever_submits_it() -> None:
    with structlog.contextvars.bound_contextvars(job_id="job_1"):
        submission = Submission([PARAMS])

    assert submission.log_ids == {"job_id": "job_1"}
