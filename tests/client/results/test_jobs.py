"""A job as the server described it."""

from __future__ import annotations

import pytest

from darkroom import JobRecord, JobSummary
from tests.client import answers


@pytest.mark.parametrize(
    ("status", "ended"),
    [("queued", False), ("running", False), ("succeeded", True), ("failed", True), ("canceled", True)],
)
def test_three_of_the_states_are_ends(status: str, *, ended: bool) -> None:
    for kind in (JobRecord, JobSummary):
        assert kind.model_validate(answers.job_record(status)).ended is ended


def test_the_settings_of_a_request_are_those_that_all_images_share() -> None:
    settings = JobRecord.model_validate(answers.job_record()).request.settings
    assert settings == {
        "num_inference_steps": 4,
        "sampler": "ddim",
        "schedule": None,
        "image": None,
        "strength": 1.0,
    }
