"""A job expires a fixed time after its end."""

from __future__ import annotations

from service.jobs.retention_policy import RetentionPolicy


def test_a_job_expires_a_fixed_time_after_its_end() -> None:
    assert RetentionPolicy(keep_s=60.0).expires_at(1000.0) == 1060.0
