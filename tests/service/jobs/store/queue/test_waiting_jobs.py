"""The copy of the queue agrees with the store, whatever happens while the store is read."""

from __future__ import annotations

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from service.errors import NotFoundError
from service.jobs.store.claims import JobClaims
from service.jobs.store.queue.waiting_jobs import QueuePlace, QueueTotals, WaitingJob, WaitingJobs
from service.jobs.store.repository import JobRepository
from tests.harness.sample_jobs import accept, claim_one, make_job

FIRST, SECOND, THIRD = (
    WaitingJob(float(n), f"job_{n}", 2.0 * n, 10 * n, 100.0 - n, f"tenant {n % 2}") for n in (1, 2, 3)
)


def queue_of(*jobs: WaitingJob) -> WaitingJobs:
    waiting = WaitingJobs()
    for job in jobs:
        waiting.add(job)
    return waiting


def test_places_and_sums_follow_the_order() -> None:
    waiting = queue_of(THIRD, FIRST, SECOND)

    assert [waiting.place(job.id) for job in (FIRST, SECOND, THIRD)] == [
        QueuePlace(0, 2.0),
        QueuePlace(1, 6.0),
        QueuePlace(2, 12.0),
    ]
    assert waiting.totals() == QueueTotals(3, 12.0, 60)
    assert waiting.oldest_created_at() == THIRD.created_at


def test_a_job_that_leaves_moves_the_others_up() -> None:
    waiting = queue_of(FIRST, SECOND, FIRST)
    waiting.remove(FIRST.id)
    waiting.remove("unknown")

    assert waiting.place(FIRST.id) is None
    assert waiting.place(SECOND.id) == QueuePlace(0, 4.0)
    assert waiting.totals() == QueueTotals(1, 4.0, 20)


def test_an_empty_queue_has_no_remainder() -> None:
    waiting = queue_of(FIRST)
    waiting.remove(FIRST.id)

    assert (waiting.totals(), waiting.oldest_created_at()) == (QueueTotals(0, 0.0, 0), None)


def test_a_job_whose_record_fails_leaves_again() -> None:
    waiting = WaitingJobs()

    with contextlib.suppress(NotFoundError), waiting.entering(FIRST):
        assert waiting.totals().jobs == 1
        raise NotFoundError

    assert waiting.totals().jobs == 0


def test_a_snapshot_keeps_what_has_changed_since_it_was_begun() -> None:
    waiting = queue_of(FIRST)
    with waiting.entering(THIRD):
        waiting.begin_snapshot()
        waiting.add(SECOND)
        waiting.remove(FIRST.id)
        waiting.replace([FIRST, WaitingJob(9.0, "of another process", 1.0, 1, 0.0, "other")])

        assert waiting.place(FIRST.id) is None
        assert [waiting.place(each) for each in (SECOND.id, THIRD.id, "of another process")] == [
            QueuePlace(0, 4.0),
            QueuePlace(1, 10.0),
            QueuePlace(2, 11.0),
        ]


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5), st.integers(0, 3))))
def test_it_agrees_with_a_sorted_list(changes: list[tuple[bool, int, int]]) -> None:
    waiting, expected = WaitingJobs(), dict[str, WaitingJob]()
    for enters, number, deadline in changes:
        job = WaitingJob(float(deadline), f"job_{number}", 1.0, 1, 0.0, "")
        if enters:
            waiting.add(job)
            expected.setdefault(job.id, job)
        else:
            waiting.remove(job.id)
            expected.pop(job.id, None)

    order = sorted(expected.values())
    assert [waiting.place(job.id) for job in order] == [QueuePlace(place, place + 1.0) for place in range(len(order))]


async def test_the_queue_of_another_process_is_learned(
    repository: JobRepository, claims: JobClaims, waiting: WaitingJobs
) -> None:
    accepted = await accept(repository, 2)
    await claim_one(claims)
    await repository.create(gone := make_job(), now=0.0)
    await repository.delete(gone.id, "alice")
    known = waiting.totals()

    for job_id in accepted:
        waiting.remove(job_id)
    await repository.refresh_waiting()

    assert waiting.totals() == known
    assert (known.jobs, waiting.place(accepted[1])) == (1, QueuePlace(0, 1.0))
