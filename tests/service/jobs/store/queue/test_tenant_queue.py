"""A tenant's queue knows the work before each of its jobs, and how many of them come before another tenant's job."""

from __future__ import annotations

from service.jobs.store.queue.tenant_queue import TenantQueue, WaitingJob


def job(deadline: float, price_s: float, job_id: str = "a") -> WaitingJob:
    return WaitingJob(deadline, job_id, price_s, 1, 0.0, "tenant", 1)


FIRST, SECOND, THIRD = job(1.0, 2.0), job(2.0, 0.0), job(3.0, 4.0)


def queue_of(*jobs: WaitingJob) -> TenantQueue:
    queue = TenantQueue()
    for each in jobs:
        queue.add(each)
    return queue


def test_work_is_summed_in_the_order_of_the_virtual_deadlines() -> None:
    queue = queue_of(THIRD, FIRST, SECOND)

    assert list(queue.starts()) == [(0.0, FIRST), (2.0, SECOND), (2.0, THIRD)]
    assert [queue.first_work_s(count) for count in range(4)] == [0.0, 2.0, 2.0, 6.0]
    assert queue.index(SECOND) == 1


def test_sums_follow_what_enters_and_leaves() -> None:
    queue = queue_of(FIRST, SECOND)
    assert queue.first_work_s(2) == 2.0
    queue.add(THIRD)
    assert queue.first_work_s(3) == 6.0
    queue.remove(FIRST)

    assert (len(queue), list(queue.starts())) == (2, [(0.0, SECOND), (0.0, THIRD)])


def test_of_jobs_that_start_together_the_sooner_deadline_is_first() -> None:
    queue = queue_of(FIRST, SECOND, THIRD)

    assert queue.count_before(1.9, job(9.0, 1.0, "other")) == 1
    assert queue.count_before(2.0, job(1.5, 1.0, "other")) == 1
    assert queue.count_before(2.0, job(2.5, 1.0, "other")) == 2
    assert queue.count_before(2.0, job(9.0, 1.0, "other")) == 3
    assert queue.count_before(-1.0, job(9.0, 1.0, "other")) == 0
