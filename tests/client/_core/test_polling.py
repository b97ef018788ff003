"""A caller that waits for a job asks for it at growing intervals, and gives up in time."""

from __future__ import annotations

import pytest

from darkroom import APIConnectionError, JobRecord, JobTimeoutError, NotFoundError
from darkroom._core.polling import FIRST_PAUSE_S, LONGEST_PAUSE_S, Poller
from darkroom._core.views import JobView
from tests.client import answers

JOB = JobView(JobRecord.model_validate(answers.job_record()))


def test_pauses_grow_up_to_a_limit() -> None:
    poller = Poller(JOB, None, 2, now_s=100.0)
    assert poller.pause_s(100.0) == FIRST_PAUSE_S
    for _ in range(50):
        poller.answered()
    assert poller.pause_s(1e9) == LONGEST_PAUSE_S


def test_the_last_pause_ends_with_the_time_that_the_caller_has() -> None:
    poller = Poller(JOB, 5.0, 2, now_s=100.0)
    assert poller.pause_s(104.95) == pytest.approx(0.05)
    with pytest.raises(JobTimeoutError, match="after 5 seconds") as caught:
        poller.pause_s(105.0)
    assert (caught.value.job_id, caught.value.job) == ("job_1", JOB.record)


def test_an_answer_may_take_as_long_as_the_caller_waits() -> None:
    poller = Poller(JOB, 20.0, 2, now_s=0.0)
    assert (poller.answer_s(0.0), poller.answer_s(15.0), poller.answer_s(19.9)) == (20.0, 5.0, 1.0)
    assert Poller(JOB, None, 2, now_s=0.0).answer_s(0.0) == 30.0


def test_lost_requests_are_sent_again_until_too_many_are_lost_in_a_row() -> None:
    poller, error = Poller(JOB, None, 2, now_s=0.0), APIConnectionError("lost")
    for _ in range(3):
        poller.lost(error, 0.0)
        poller.lost(error, 0.0)
        assert poller.pause_s(0.0) == 1.0
        poller.answered()
    poller.lost(error, 0.0)
    poller.lost(error, 0.0)
    with pytest.raises(APIConnectionError):
        poller.lost(error, 0.0)


def test_a_job_that_is_not_there_is_not_asked_for_again() -> None:
    with pytest.raises(NotFoundError):
        Poller(JOB, None, 9, now_s=0.0).lost(NotFoundError("gone", status_code=404), 0.0)
